//! One service: what holds of it whatever it runs in.

use super::values::{
    duration_of, hosts_of, literal, literals, map_of, size_of, table, text_of, texts_of, yes,
};
use super::{Writer, at, note};
use crate::compose::container::Build;
use crate::compose::paths::{Leads, leads};
use crate::compose::project::{Condition, Dependency, Hook, Restart, Service, Watch};
use crate::draft::{self, Draft, list, text};
use spec::limits;

/// Signals a stop can begin with, whatever a service is.
const SIGNALS: [&str; 7] = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"];
/// The profile of what nobody wants.
const DISABLED: &str = "disabled";
/// Longest that a stop takes, in seconds.
const MAX_GRACE: u64 = 3_600;

impl Writer<'_> {
    pub(super) fn service(&mut self, name: &str, service: &Service, draft: &mut Draft) {
        let from = self.origin(&service.at);
        let place = match service.at.file == self.around.label {
            true => self.base(),
            false => &service.at.file,
        };
        let place = format!("{place}:{}", service.at.line);
        draft.blank();
        if let Some(why) = self.out.get(name) {
            let says = format!("{name} is left out: {why}");
            draft.comment(&format!("{place}: {says}"), &from);
            return draft.note(note(&service.at, says));
        }
        draft.comment(&place, &from);
        let own = self.names.service(name);
        if own != name {
            let says = format!("{name} is called {own} here, and is found by both names");
            draft.note(note(&service.at, says));
        }
        self.remarks(service, draft);
        draft.table(&format!("service.{own}"), &from);
        self.image(service, draft);
        let ends = self.ends.contains(name);
        if ends {
            draft.key("kind", text("oneshot"), &from);
        }
        self.profiles(name, service, draft);
        self.needs(name, service, draft);
        let ports = self.ports(name, service, draft);
        if let Some(port) = &ports.own {
            draft.key("port", port, &self.origin(at(service, "ports")));
        }
        self.care(name, service, ends, draft);
        self.stop(service, draft);
        self.after_start(name, service, ends, draft);
        self.limits(service, draft);
        if service.scale > 1 && ends {
            let says = format!(
                "{name} runs once, and not {} times at a time",
                service.scale
            );
            draft.note(note(at(service, "scale"), says));
        } else if service.scale > 1 {
            draft.key(
                "replicas",
                service.scale,
                &self.origin(at(service, "scale")),
            );
        }
        if let Some(user) = &service.user {
            draft.key("user", text(user), &self.origin(at(service, "user")));
        }
        self.watch(name, service, draft);
        self.env_files(service, draft);
        self.build(&own, service, draft);
        self.container(name, &own, service, ports, draft);
        self.environment(&own, service, draft);
    }

    /// What is said of it for people.
    fn remarks(&self, service: &Service, draft: &mut Draft) {
        let from = self.origin(at(service, "ports"));
        for port in &service.ports {
            let spoken = port.app_protocol.as_deref();
            let said = [port.name.as_deref(), spoken].into_iter().flatten();
            let said: Vec<&str> = said.collect();
            if !said.is_empty() {
                let says = format!("Port {} is {}.", port.target, said.join(", "));
                draft.comment(&says, &from);
            }
        }
    }

    fn image(&self, service: &Service, draft: &mut Draft) {
        if let Some(image) = &service.image {
            draft.key("image", text(image), &self.origin(at(service, "image")));
        }
        if let Some(build) = &service.build
            && is_plain(build)
        {
            let from = self.origin(at(service, "build"));
            draft.key("build", text(&self.path(&build.context)), &from);
        }
    }

    /// A build of which more than its folder is said.
    fn build(&self, own: &str, service: &Service, draft: &mut Draft) {
        let Some(build) = service.build.as_ref().filter(|build| !is_plain(build)) else {
            return;
        };
        let from = self.origin(at(service, "build"));
        draft.blank();
        draft.table(&format!("service.{own}.build"), &from);
        if let [first, _, ..] = &build.platforms[..] {
            let says = format!(
                "{own} is built for {first} alone: an image that is built is for one system"
            );
            draft.note(note(at(service, "build"), says));
        }
        draft.key("context", text(&self.path(&build.context)), &from);
        let keys = text_of("dockerfile", &build.dockerfile)
            .into_iter()
            .chain(text_of("dockerfile_inline", &build.dockerfile_inline))
            .chain(text_of("target", &build.target))
            .chain(map_of("args", &build.args))
            .chain(map_of("labels", &build.labels))
            .chain(texts_of("tags", &build.tags))
            .chain(texts_of("cache_from", &build.cache_from))
            .chain(yes("no_cache", build.no_cache))
            .chain(yes("pull", build.pull))
            .chain(text_of("network", &build.network))
            .chain(texts_of(
                "platforms",
                build.platforms.get(..1).unwrap_or_default(),
            ))
            .chain(hosts_of("extra_hosts", &build.extra_hosts))
            .chain(size_of("shm_size", build.shm_size));
        for (key, value) in keys {
            draft.key(key, value, &from);
        }
    }

    /// What it is started for, where it is not always: one of a wanted profile is.
    fn profiles(&self, name: &str, service: &Service, draft: &mut Draft) {
        if service.scale == 0 {
            let place = at(service, "scale");
            let says = format!("{name} is started only when it is named: none of it is wanted");
            draft.note(note(place, says));
            draft.key("profiles", list([text(DISABLED)]), &self.origin(place));
        } else if service.this_time || self.project.disabled.contains_key(name) {
            let profiles = list(service.profiles.iter().map(|one| text(one)));
            draft.key("profiles", profiles, &self.origin(at(service, "profiles")));
        }
    }

    fn needs(&mut self, name: &str, service: &Service, draft: &mut Draft) {
        let mut needs = Vec::new();
        for (other, need) in &service.depends_on {
            if let Some(why) = self.out.get(other.as_str()) {
                let says = format!("{name} does not wait for {other}: {why}");
                draft.note(note(at(service, "depends_on"), says));
                continue;
            }
            let mut need = *need;
            let idle = |(one, service): (&String, &Service)| one == other && service.scale == 0;
            // What is none has nothing to be waited for.
            need.required &= !self.project.all().any(idle);
            needs.push(written(&self.names.service(other), &need));
        }
        if !needs.is_empty() {
            draft.key(
                "needs",
                list(needs),
                &self.origin(at(service, "depends_on")),
            );
        }
    }

    /// What is done when it ends, and how it is asked how it is.
    fn care(&mut self, name: &str, service: &Service, ends: bool, draft: &mut Draft) {
        let place = match service.lines.contains_key("restart") {
            true => at(service, "restart").clone(),
            false => at(service, "deploy").clone(),
        };
        let from = self.origin(&place);
        if !ends && matches!(service.restart, Restart::No | Restart::OnFailure(_)) {
            // With 0 it has done what it was for.
            draft.key("success", "[0]", &from);
        }
        match (service.restart, ends) {
            (Restart::No, true) => {
                // What has failed is not tried again by itself.
                draft.key("heal", "{ ladder = [\"quarantine\"] }", &from);
            }
            (Restart::No, false) => {
                self.once(
                    &place,
                    "without restart: a container that ends is not started again; with 0 it has completed, with any \
                     other code that is told as a fault; write restart: unless-stopped and it is healed",
                    draft,
                );
                draft.key("heal", "{ enabled = false }", &from);
            }
            (Restart::OnFailure(Some(most @ 1..)), _) => {
                let times = most.min(limits::MAX_TRIES);
                let ladder = list([
                    table([("remedy", text("restart")), ("times", times.to_string())]),
                    text("quarantine"),
                ]);
                let budget = text(&format!("{times} per 1d"));
                draft.key(
                    "heal",
                    table([("budget", budget), ("ladder", ladder)]),
                    &from,
                );
            }
            (Restart::Always | Restart::UnlessStopped, true) => {
                let says = format!(
                    "{name} is waited for until it has ended, and so is started again only when it fails"
                );
                draft.note(note(&place, says));
            }
            _ => {}
        }
    }

    fn stop(&mut self, service: &Service, draft: &mut Draft) {
        let mut keys = Vec::new();
        let mut place = at(service, "stop_signal");
        if let Some(command) = self.command_of("pre_stop", &service.pre_stop, service, draft) {
            keys.push(("command", command));
            place = at(service, "pre_stop");
        }
        if let Some(signal) = signal(service) {
            keys.push(("signal", text(signal)));
        }
        if let Some(grace) = service.stop_grace_period {
            let grace = grace.min(std::time::Duration::from_secs(MAX_GRACE));
            keys.extend(duration_of("grace", Some(grace)));
            place = match service.stop_signal {
                Some(_) => place,
                None => at(service, "stop_grace_period"),
            };
        }
        if !keys.is_empty() {
            draft.key("stop", table(keys), &self.origin(place));
        }
    }

    fn after_start(&mut self, name: &str, service: &Service, ends: bool, draft: &mut Draft) {
        let place = at(service, "post_start");
        if ends && !service.post_start.is_empty() {
            let says = format!("{name} ends by itself: its post_start is not run");
            return draft.note(note(place, says));
        }
        if let Some(command) = self.command_of("post_start", &service.post_start, service, draft) {
            draft.key(
                "after_ready",
                table([("run", command)]),
                &self.origin(place),
            );
        }
    }

    /// Hooks in the container as one command.
    fn command_of(
        &mut self,
        key: &'static str,
        hooks: &[Hook],
        service: &Service,
        draft: &mut Draft,
    ) -> Option<String> {
        let place = at(service, key).clone();
        let commands: Vec<&Hook> = hooks
            .iter()
            .filter(|hook| !hook.command.is_empty())
            .collect();
        match commands[..] {
            [] => None,
            [one] => Some(literals(&one.command)),
            _ => {
                let says = format!(
                    "{key} has several commands, which the container's sh runs one after another"
                );
                draft.note(note(&place, says));
                let lines = commands.iter().map(|hook| {
                    let words = hook.command.iter().map(String::as_str);
                    // No word has a NUL in it: a file that has one is refused.
                    shlex::try_join(words).unwrap_or_default()
                });
                let lines: Vec<String> = lines.collect();
                let words = ["sh".to_owned(), "-c".to_owned(), lines.join(" && ")];
                Some(literals(&words))
            }
        }
    }

    fn watch(&self, name: &str, service: &Service, draft: &mut Draft) {
        let place = at(service, "develop");
        let mut patterns = Vec::new();
        for watch in &service.watch {
            if watch.action != "restart" {
                let says = format!(
                    "{name} is not watched for {}: {} is not done by itself, only restart",
                    watch.path, watch.action
                );
                draft.note(note(place, says));
                continue;
            }
            match leads(&watch.path) {
                Leads::In => patterns.extend(watched(watch)),
                Leads::Out => {
                    let says = format!(
                        "{} is not watched: it is not below the folder of this file",
                        watch.path
                    );
                    draft.note(note(place, says));
                }
            }
        }
        if !patterns.is_empty() {
            let patterns = list(patterns.iter().map(|one| text(one)));
            draft.key("watch", patterns, &self.origin(place));
        }
    }

    /// The env files, where what they say does not depend on the environment of who reads them.
    fn env_files(&self, service: &Service, draft: &mut Draft) {
        if service.env_files.is_empty() {
            return;
        }
        let from = self.origin(at(service, "env_file"));
        if service.env_files_filled {
            let paths = service.env_files.iter().map(|file| file.path.as_str());
            let paths: Vec<&str> = paths.collect();
            let says = format!(
                "The variables of {} are in env below, because they take others of the environment in.",
                paths.join(", ")
            );
            return draft.comment(&says, &from);
        }
        let files = service.env_files.iter().map(|file| {
            let path = text(&self.path(&file.path));
            match file.required {
                true => path,
                false => table([("file", path), ("optional", "true".to_owned())]),
            }
        });
        draft.key("env_files", list(files), &from);
    }

    fn environment(&self, own: &str, service: &Service, draft: &mut Draft) {
        let variables = match service.env_files_filled {
            true => &service.environment,
            false => &service.own_environment,
        };
        if variables.is_empty() {
            return;
        }
        let from = self.origin(at(service, "environment"));
        draft.blank();
        draft.table(&format!("service.{own}.env"), &from);
        for (name, value) in variables {
            draft.key(&draft::name(name), literal(value), &from);
        }
    }
}

/// Only the folder is said.
fn is_plain(build: &Build) -> bool {
    let plain = Build {
        context: build.context.clone(),
        ..Build::default()
    };
    *build == plain
}

/// The signal it is stopped with, as a definition has it.
fn signal(service: &Service) -> Option<&str> {
    let said = service.stop_signal.as_deref()?;
    let name = said.strip_prefix("SIG").unwrap_or(said);
    // The others are a container's alone, and stay as they are written.
    Some(match SIGNALS.contains(&name) {
        true => name,
        false => said,
    })
}

/// The patterns of a folder or file that is watched.
fn watched(watch: &Watch) -> Vec<String> {
    let within = |pattern: &str| {
        let pattern = pattern.trim_start_matches("./");
        match (watch.path.as_str(), pattern.strip_prefix('/')) {
            (".", Some(pattern)) => pattern.to_owned(),
            (path, Some(pattern)) => format!("{path}/{pattern}"),
            (".", None) => format!("**/{pattern}"),
            (path, None) => format!("{path}/**/{pattern}"),
        }
    };
    let mut patterns: Vec<String> = watch.include.iter().map(|one| within(one)).collect();
    if patterns.is_empty() {
        patterns.push(match watch.path.as_str() {
            "." => "**".to_owned(),
            path => path.to_owned(),
        });
    }
    patterns.extend(watch.ignore.iter().map(|one| format!("!{}", within(one))));
    patterns
}

/// An entry of `needs`.
fn written(service: &str, need: &Dependency) -> String {
    let until = match need.condition {
        Condition::Started => Some("started"),
        Condition::Healthy => None,
        Condition::Succeeded => Some("succeeded"),
    };
    if (until, need.restart, need.required) == (None, false, true) {
        return text(service);
    }
    let mut keys = vec![("service", text(service))];
    keys.extend(until.map(|until| ("until", text(until))));
    keys.extend((!need.required).then(|| ("required", "false".to_owned())));
    keys.extend(need.restart.then(|| ("restart", "true".to_owned())));
    table(keys)
}
