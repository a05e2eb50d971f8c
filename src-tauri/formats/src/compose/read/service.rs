//! A service: what it runs, what it needs, and when it is well.

use super::Reader;
use super::values::{bytes, hosts, items, labels, pairs, within};
use crate::compose::container::Build;
use crate::compose::paths::{is_remote, join};
use crate::compose::project::{
    Condition, Dependency, EnvFile, Healthcheck, Hook, Restart, Service, Test, Watch,
};
use crate::compose::risk::Reach;
use crate::yaml::{Entry, Fields, Node, Place, expected, texts};
use spec::{Found, limits, quoted};
use std::collections::BTreeMap;

impl Reader<'_, '_> {
    pub(super) fn service(&mut self, entry: &Entry) -> Option<Service> {
        let name = &entry.key;
        self.places.of.clone_from(name);
        let mut fields = Fields::of(&entry.value, format!("services.{name}"), self.files())?;
        let at = self.at(entry.at);
        let mut service = Service {
            at,
            build: self.build(&mut fields, name),
            environment: self.environment(&mut fields),
            depends_on: self.depends_on(&mut fields),
            healthcheck: self.healthcheck(&mut fields),
            restart: self.restart(&mut fields),
            scale: self.scale(&mut fields),
            pre_start: self.hooks(&mut fields, "pre_start"),
            post_start: self.hooks(&mut fields, "post_start"),
            pre_stop: self.hooks(&mut fields, "pre_stop"),
            watch: self.watch(&mut fields),
            ..Service::default()
        };
        service.own_environment.clone_from(&service.environment);
        service.env_files = self.env_files(&mut fields);
        service.env_files_filled =
            self.fill(&service.env_files, entry.at, &mut service.environment);
        let files = self.files();
        service.image = fields.word("image", files);
        let provider = fields
            .get("provider")
            .and_then(|provider| provider.get("type"));
        service.provider = provider.and_then(Node::as_scalar).map(|it| it.words());
        service.command = fields.texts("command", files);
        service.entrypoint = fields.texts("entrypoint", files);
        let profiles = fields.texts("profiles", files).unwrap_or_default();
        service.profiles = profiles.into_iter().collect();
        service.expose = fields.texts("expose", files).unwrap_or_default();
        service.links = fields.texts("links", files).unwrap_or_default();
        service.labels = labels(&mut fields, "labels", files);
        service.annotations = labels(&mut fields, "annotations", files);
        service.working_dir = fields.word("working_dir", files);
        service.user = fields.word("user", files);
        service.group_add = fields.texts("group_add", files).unwrap_or_default();
        service.hostname = fields.word("hostname", files);
        service.domainname = fields.word("domainname", files);
        service.container_name = fields.word("container_name", files);
        service.stop_signal = fields.word("stop_signal", files);
        service.stop_grace_period = fields.duration("stop_grace_period", files);
        self.reach(&mut fields, name, &mut service);
        let lines = fields.entries().iter();
        service.lines = lines
            .map(|entry| (entry.key.clone(), self.at(entry.at)))
            .collect();
        Some(service)
    }

    /// The variables it sets itself; one without a value has that of the environment, or is not set.
    fn environment(&mut self, fields: &mut Fields<'_>) -> BTreeMap<String, String> {
        let known = self.environment;
        pairs(fields, "environment", self.files(), |name| {
            known.get(name).cloned()
        })
    }

    fn env_files(&mut self, fields: &mut Fields<'_>) -> Vec<EnvFile> {
        let path = fields.path_of("env_file");
        let mut list = Vec::new();
        for item in items(fields, "env_file", self.files()) {
            let Some(mut of) = Fields::of(item, path.clone(), self.files()) else {
                continue;
            };
            let required = of.boolean("required", self.files()).unwrap_or(true);
            let Some(path) = of.word("path", self.files()) else {
                self.wrong(
                    item.place,
                    "this env file has no path".to_owned(),
                    "here",
                    "write path: …",
                );
                continue;
            };
            if list.len() == limits::MAX_ENV_FILES {
                let help = format!("at most {}", limits::MAX_ENV_FILES);
                self.wrong(
                    item.place,
                    "too many env files".to_owned(),
                    "one more",
                    &help,
                );
                break;
            }
            // Asked for here, so that what is wrong with it is told of this place.
            match self.loader.found(&path, item.place) {
                Some(found @ (Found::Absent | Found::Unreadable(_)))
                    if required || *found != Found::Absent =>
                {
                    let why = crate::yaml::Files::absent(found)
                        .unwrap_or_default()
                        .to_owned();
                    let message = format!("the env file {} cannot be read", quoted(&path));
                    let help = match found {
                        Found::Absent => {
                            "write it, or say { path: …, required: false } when it need not be there"
                        }
                        _ => {
                            "put the file itself there: what cannot be read is a mistake also where it is not required"
                        }
                    };
                    self.wrong(item.place, message, &why, help);
                }
                _ => {}
            }
            list.push(EnvFile { path, required });
        }
        list
    }

    /// Puts the variables of env files under those of the service. Whether some of them are made of others that
    /// are known outside of these files.
    fn fill(
        &mut self,
        env_files: &[EnvFile],
        asked: Place,
        environment: &mut BTreeMap<String, String>,
    ) -> bool {
        let (mut all, mut filled) = (BTreeMap::new(), false);
        for file in env_files {
            if let Some(Found::Bytes(bytes)) = self.loader.sources.beside(&file.path) {
                filled |=
                    self.loader
                        .env_file(&file.path, bytes, asked, self.environment, &mut all);
            }
        }
        all.append(environment);
        *environment = all;
        filled
    }

    fn build(&mut self, fields: &mut Fields<'_>, name: &str) -> Option<Build> {
        let path = fields.path_of("build");
        let node = fields.get("build")?;
        let mut of = Fields::of(node, path, self.files())?;
        let known = self.environment;
        let files = self.files();
        let build = Build {
            context: of.word("context", files).unwrap_or_default(),
            dockerfile: of.word("dockerfile", files),
            dockerfile_inline: of.text("dockerfile_inline", files),
            args: pairs(&mut of, "args", files, |name| known.get(name).cloned()),
            labels: labels(&mut of, "labels", files),
            target: of.word("target", files),
            tags: of.texts("tags", files).unwrap_or_default(),
            cache_from: of.texts("cache_from", files).unwrap_or_default(),
            no_cache: of.boolean("no_cache", files).unwrap_or_default(),
            pull: of.boolean("pull", files).unwrap_or_default(),
            network: of.word("network", files),
            platforms: of.texts("platforms", files).unwrap_or_default(),
            extra_hosts: hosts(&mut of, "extra_hosts", files),
            shm_size: bytes(&mut of, "shm_size", files),
        };
        if build.dockerfile.is_some() && build.dockerfile_inline.is_some() {
            let message = format!("services.{name}.build has two Dockerfiles");
            self.wrong(
                node.place,
                message,
                "here",
                "write dockerfile or dockerfile_inline",
            );
        }
        if is_remote(&build.context) {
            self.risk(
                name,
                node.place,
                Reach::RemoteContext(build.context.clone()),
            );
        } else {
            self.host_path(name, node.place, &build.context, false);
        }
        if let Some(dockerfile) = &build.dockerfile
            && !is_remote(&build.context)
        {
            self.host_path(name, node.place, &join(&build.context, dockerfile), false);
        }
        if build.network.as_deref() == Some("host") {
            self.risk(name, node.place, Reach::HostNamespace("network"));
        }
        Some(build)
    }

    fn depends_on(&mut self, fields: &mut Fields<'_>) -> BTreeMap<String, Dependency> {
        let path = fields.path_of("depends_on");
        let mut all = BTreeMap::new();
        let Some(node) = fields.get("depends_on") else {
            return all;
        };
        let Some(of) = Fields::of(node, path, self.files()) else {
            return all;
        };
        for entry in of.entries() {
            let Some(mut one) = Fields::of(&entry.value, of.path_of(&entry.key), self.files())
            else {
                continue;
            };
            let condition = match one.word("condition", self.files()).as_deref() {
                None | Some("service_started") => Condition::Started,
                Some("service_healthy") => Condition::Healthy,
                Some("service_completed_successfully") => Condition::Succeeded,
                Some(other) => {
                    self.wrong(
                        entry.value.place,
                        format!("{} is no condition", quoted(other)),
                        "here",
                        "a condition is service_started, service_healthy or service_completed_successfully",
                    );
                    continue;
                }
            };
            let dependency = Dependency {
                condition,
                restart: one.boolean("restart", self.files()).unwrap_or_default(),
                required: one.boolean("required", self.files()).unwrap_or(true),
            };
            self.uses("service", &entry.key, entry.at);
            all.insert(entry.key.clone(), dependency);
        }
        all
    }

    fn healthcheck(&mut self, fields: &mut Fields<'_>) -> Option<Healthcheck> {
        let path = fields.path_of("healthcheck");
        let node = fields.get("healthcheck")?;
        let mut of = Fields::of(node, path, self.files())?;
        let files = self.files();
        let mut check = Healthcheck {
            test: None,
            interval: of.duration("interval", files),
            timeout: of.duration("timeout", files),
            start_period: of.duration("start_period", files),
            start_interval: of.duration("start_interval", files),
            retries: within(&mut of, "retries", 0..=i64::from(u32::MAX), files)
                .and_then(|retries| u32::try_from(retries).ok()),
        };
        let disable = of.boolean("disable", files).unwrap_or_default();
        let words = of.texts("test", files);
        check.test = match words.as_deref() {
            _ if disable => Some(Test::Disabled),
            None | Some([]) => None,
            Some([first]) if first == "NONE" => Some(Test::Disabled),
            Some([first, rest @ ..]) if first == "CMD-SHELL" => Some(Test::Shell(rest.join(" "))),
            Some([first, rest @ ..]) if first == "CMD" && !rest.is_empty() => {
                Some(Test::Direct(rest.to_vec()))
            }
            Some(_) => {
                self.wrong(
                    node.place,
                    format!("{} begins with none of its words", of.path_of("test")),
                    "here",
                    "a list begins with \"CMD\", \"CMD-SHELL\" or \"NONE\"; a text is the shell's",
                );
                None
            }
        };
        Some(check)
    }

    /// `restart`, or what `deploy` says.
    fn restart(&mut self, fields: &mut Fields<'_>) -> Restart {
        let path = fields.path_of("restart");
        if let Some(node) = fields.get("restart") {
            let said = node
                .as_scalar()
                .map(|scalar| scalar.words())
                .unwrap_or_default();
            return match said.as_str() {
                "" | "no" | "false" => Restart::No,
                "always" => Restart::Always,
                "unless-stopped" => Restart::UnlessStopped,
                "on-failure" => Restart::OnFailure(None),
                other => match other.strip_prefix("on-failure:").map(str::parse) {
                    Some(Ok(times)) => Restart::OnFailure(Some(times)),
                    _ => {
                        let wanted = "no, always, unless-stopped, on-failure or on-failure:5";
                        expected(node, &path, wanted, self.files());
                        Restart::No
                    }
                },
            };
        }
        let path = fields.path_of("deploy.restart_policy");
        let policy = fields
            .get("deploy")
            .and_then(|deploy| deploy.get("restart_policy"));
        let Some(node) = policy.filter(|policy| !policy.is_null()) else {
            return Restart::No;
        };
        let Some(mut of) = Fields::of(node, path, self.files()) else {
            return Restart::No;
        };
        let condition = of.word("condition", self.files());
        let most = within(
            &mut of,
            "max_attempts",
            0..=i64::from(u32::MAX),
            self.files(),
        );
        let most = most.and_then(|most| u32::try_from(most).ok());
        if most.is_some_and(|most| most > 0) && condition.as_deref() != Some("on-failure") {
            let says = format!(
                "{} counts with condition: on-failure only; healing has a bound of its own",
                of.path_of("max_attempts")
            );
            self.files().note(node.place, says);
        }
        match condition.as_deref() {
            Some("none" | "no") => Restart::No,
            Some("on-failure") => Restart::OnFailure(most),
            None | Some("any" | "always") => Restart::Always,
            Some("unless-stopped") => Restart::UnlessStopped,
            Some(_) => {
                let path = of.path_of("condition");
                expected(node, &path, "none, on-failure or any", self.files());
                Restart::No
            }
        }
    }

    fn scale(&mut self, fields: &mut Fields<'_>) -> u16 {
        let range = 0..=i64::from(limits::MAX_REPLICAS);
        let own = within(fields, "scale", range.clone(), self.files());
        let path = fields.path_of("deploy");
        let deploy = fields
            .get("deploy")
            .and_then(|node| Fields::of(node, path, self.files()));
        let place = fields.get("deploy").map(|node| node.place);
        let deployed = deploy.and_then(|mut of| within(&mut of, "replicas", range, self.files()));
        if let (Some(one), Some(other), Some(place)) = (own, deployed, place)
            && one != other
        {
            let message = format!("scale is {one}, and deploy.replicas {other}");
            self.wrong(place, message, "here", "say how many once");
        }
        own.or(deployed)
            .and_then(|count| u16::try_from(count).ok())
            .unwrap_or(1)
    }

    fn hooks(&mut self, fields: &mut Fields<'_>, key: &str) -> Vec<Hook> {
        let path = fields.path_of(key);
        let mut hooks = Vec::new();
        for item in items(fields, key, self.files()) {
            let Some(mut of) = Fields::of(item, path.clone(), self.files()) else {
                continue;
            };
            let known = self.environment;
            let files = self.files();
            let hook = Hook {
                command: of.texts("command", files).unwrap_or_default(),
                image: of.word("image", files),
                user: of.word("user", files),
                privileged: of.boolean("privileged", files).unwrap_or_default(),
                working_dir: of.word("working_dir", files),
                environment: pairs(&mut of, "environment", files, |name| {
                    known.get(name).cloned()
                }),
                per_replica: of.boolean("per_replica", files).unwrap_or_default(),
            };
            if hook.command.is_empty() && hook.image.is_none() {
                self.wrong(
                    item.place,
                    format!("{path} has no command"),
                    "here",
                    "write command: …",
                );
            }
            hooks.push(hook);
        }
        hooks
    }

    fn watch(&mut self, fields: &mut Fields<'_>) -> Vec<Watch> {
        let path = fields.path_of("develop.watch");
        let watch = fields
            .get("develop")
            .and_then(|develop| develop.get("watch"));
        let Some(items) = watch
            .filter(|watch| !watch.is_null())
            .and_then(|watch| crate::yaml::list(watch, &path, self.files()))
        else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            let Some(mut of) = Fields::of(item, path.clone(), self.files()) else {
                continue;
            };
            let mut patterns = |key: &str, reader: &mut Self| {
                let node: Option<&Node> = of.get(key);
                node.and_then(|node| texts(node, &path, reader.files()))
                    .unwrap_or_default()
            };
            let (ignore, include) = (patterns("ignore", self), patterns("include", self));
            let action = of.word("action", self.files()).unwrap_or_default();
            let known = ["rebuild", "restart", "sync", "sync+restart", "sync+exec"];
            let (Some(watched), true) = (
                of.word("path", self.files()),
                known.contains(&action.as_str()),
            ) else {
                let help = format!("an action is one of {}", known.join(", "));
                self.wrong(
                    item.place,
                    format!("{path} needs a path and an action"),
                    "here",
                    &help,
                );
                continue;
            };
            all.push(Watch {
                path: watched,
                action,
                ignore,
                include,
            });
        }
        all
    }
}
