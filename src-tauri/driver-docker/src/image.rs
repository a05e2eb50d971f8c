//! Images: whether one is here, getting one from its registry, building one. Nothing of it happens
//! unless it is asked for: a start with an image that is not here fails and says so.

mod context;
mod ignored;

pub use context::ContextError;

use crate::ContainerDriver;
use crate::daemon::{Fault, QUICK, ask, shortened};
use bollard::models::{BuildInfo, CreateImageInfo};
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateImageOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::{Stream, StreamExt};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// A registry, or a step of a build, that says nothing for so long is given up. Steps that compile
/// take long, and mostly say something.
const SILENCE: Duration = Duration::from_secs(10 * 60);

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which part, as the daemon numbers it; empty when it is said of all.
    pub part: String,
    /// What is said of it: a status, or a line of a build.
    pub said: String,
    /// Bytes that are there, and bytes there will be.
    pub bytes: Option<(u64, u64)>,
}

/// What is to be built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// What the image is called.
    pub tag: String,
    /// Further names of it.
    pub tags: Vec<String>,
    /// The folder whose files the build may use.
    pub context: PathBuf,
    /// The file that says how, within it; `Dockerfile` when none is named.
    pub dockerfile: Option<String>,
    /// Its text, in place of a file.
    pub dockerfile_inline: Option<String>,
    /// The network of its commands.
    pub network: Option<String>,
    /// Names that stand in `/etc/hosts` meanwhile, `HOST:ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Images whose layers can be used.
    pub cache_from: Vec<String>,
    /// Which of its stages; the last when none is named.
    pub target: Option<String>,
    /// Values of its arguments.
    pub args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// For which system, `linux/arm64`; the daemon's own when none is named.
    pub platform: Option<String>,
    /// Nothing that was built before is used.
    pub no_cache: bool,
    /// Its base images are asked for at their registries, also when they are here.
    pub pull: bool,
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder cannot be sent.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The daemon has not built it.
    #[error("{0}{hint}", hint = hint(.0))]
    Daemon(#[from] Fault),
}

/// What people can do about what the daemon's older builder does not know.
fn hint(fault: &Fault) -> &'static str {
    let Fault::Refused { message, .. } = fault else {
        return "";
    };
    let newer = [
        "the --mount option requires BuildKit",
        "requires BuildKit",
        "unknown flag: mount",
    ];
    let heredoc = message.contains("unknown instruction") && message.contains("EOF");
    if newer.iter().any(|words| message.contains(words)) || heredoc {
        return ". This Dockerfile is for BuildKit: build it with `docker build` and name the image";
    }
    ""
}

impl ContainerDriver {
    /// What an image has for this label; `None` when there is no such image, or it has none.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn image_label(&self, image: &str, label: &str) -> Result<Option<String>, Fault> {
        match ask(QUICK, self.daemon().api().inspect_image(image)).await {
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels);
                Ok(labels.and_then(|labels| labels.get(label).cloned()))
            }
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// True when the daemon has this image.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn has_image(&self, image: &str) -> Result<bool, Fault> {
        match ask(QUICK, self.daemon().api().inspect_image(image)).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is_not_found() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Gets an image from its registry, as somebody who has not logged in.
    ///
    /// # Errors
    /// What the registry or the daemon says.
    pub async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        told: impl FnMut(Progress),
    ) -> Result<(), Fault> {
        let mut options = CreateImageOptionsBuilder::new().from_image(image);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        if !has_tag(image) {
            // Without one, all there are would be sent.
            options = options.tag("latest");
        }
        let api = self.daemon().api();
        let steps = api.create_image(Some(options.build()), None, None);
        hear(steps, told, of_pull).await
    }

    /// Builds an image with the daemon's own builder, from a folder less what its `.dockerignore`
    /// names.
    ///
    /// # Errors
    /// When the folder cannot be read, or what the daemon says.
    pub async fn build(&self, build: Build, told: impl FnMut(Progress)) -> Result<(), BuildError> {
        let dockerfile = match &build.dockerfile_inline {
            // No folder has one of that name.
            Some(_) => context::INLINE,
            None => build.dockerfile.as_deref().unwrap_or("Dockerfile"),
        };
        let (pieces, sending) = context::send(&build.context, dockerfile, build.dockerfile_inline)?;
        let body = bollard::body_try_stream(context::stream(pieces));
        let mut options = BuildImageOptionsBuilder::new()
            .t(&build.tag)
            .dockerfile(dockerfile)
            .nocache(build.no_cache)
            .rm(true)
            .forcerm(true)
            .buildargs(&build.args.into_iter().collect())
            .labels(&build.labels.into_iter().collect());
        if build.pull {
            options = options.pull("true");
        }
        if let Some(target) = &build.target {
            options = options.target(target);
        }
        if let Some(platform) = &build.platform {
            options = options.platform(platform);
        }
        if let Some(network) = &build.network {
            options = options.networkmode(network);
        }
        if !build.extra_hosts.is_empty() {
            options = options.extrahosts(&build.extra_hosts.join(","));
        }
        if let Some(bytes) = build.shm_size {
            options = options.shmsize(i32::try_from(bytes).unwrap_or(i32::MAX));
        }
        if !build.cache_from.is_empty() {
            options = options.cachefrom(&build.cache_from);
        }
        let api = self.daemon().api();
        let built = hear(
            api.build_image(options.build(), None, Some(body)),
            told,
            of_build,
        )
        .await;
        match sending.await {
            // What has been cut short is said better by who did that.
            Ok(Err(ContextError::NotTaken)) | Ok(Ok(())) | Err(_) => built?,
            Ok(Err(error)) => return Err(error.into()),
        }
        for name in &build.tags {
            let (repo, tag) = split(name);
            let options = TagImageOptionsBuilder::new().repo(repo).tag(tag).build();
            ask(QUICK, api.tag_image(&build.tag, Some(options))).await?;
        }
        Ok(())
    }
}

/// An image's name has a tag or a digest. The colon of a registry's port is before a slash.
fn has_tag(image: &str) -> bool {
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    name.contains([':', '@'])
}

/// An image's name and its tag.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Hears steps until the last; an error among them is the end.
async fn hear<T>(
    steps: impl Stream<Item = Result<T, bollard::errors::Error>>,
    mut told: impl FnMut(Progress),
    progress: impl Fn(T) -> Result<Option<Progress>, Fault>,
) -> Result<(), Fault> {
    let mut steps = std::pin::pin!(steps);
    loop {
        match timeout(SILENCE, steps.next()).await {
            Ok(Some(step)) => {
                if let Some(progress) = progress(step?)? {
                    told(progress);
                }
            }
            Ok(None) => return Ok(()),
            Err(_) => return Err(Fault::Silent(format!("for {} s", SILENCE.as_secs()))),
        }
    }
}

fn of_pull(step: CreateImageInfo) -> Result<Option<Progress>, Fault> {
    if let Some(message) = step.error_detail.and_then(|error| error.message) {
        return Err(failed(&message));
    }
    let bytes = step.progress_detail.and_then(|detail| {
        let whole = |number: i64| u64::try_from(number).ok();
        Some((whole(detail.current?)?, whole(detail.total?)?))
    });
    Ok(step.status.map(|said| Progress {
        part: shortened(&step.id.unwrap_or_default()),
        said: shortened(&said),
        bytes,
    }))
}

fn of_build(step: BuildInfo) -> Result<Option<Progress>, Fault> {
    if let Some(message) = step.error_detail.and_then(|error| error.message) {
        return Err(failed(&message));
    }
    let said = step.stream.or(step.status).unwrap_or_default();
    let said = shortened(&said);
    Ok((!said.is_empty()).then(|| Progress {
        part: shortened(&step.id.unwrap_or_default()),
        said,
        bytes: None,
    }))
}

fn failed(message: &str) -> Fault {
    Fault::Refused {
        status: 500,
        message: shortened(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_port_is_no_tag() {
        for (image, tag) in [
            ("postgres", false),
            ("postgres:16", true),
            ("localhost:5000/postgres", false),
            ("localhost:5000/postgres:16", true),
            ("postgres@sha256:0123", true),
        ] {
            assert_eq!(has_tag(image), tag, "{image}");
        }
    }

    #[test]
    fn what_only_buildkit_knows_says_what_to_do() {
        let text = BuildError::from(failed("the --mount option requires BuildKit.")).to_string();
        assert!(text.contains("docker build"), "{text}");
        let text = BuildError::from(failed("COPY failed: no such file")).to_string();
        assert_eq!(text, "COPY failed: no such file");
    }
}
