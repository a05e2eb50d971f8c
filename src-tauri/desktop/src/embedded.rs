//! The engine inside the window's process: started beside the window so that the window shows at
//! once, reached by everyone through [`Embedded::handle`], ended by [`Embedded::end`].

use crate::options::Options;
use crate::quit::{Leaving, Services};
use crate::{open, watch};
use api::host::{self, Host};
use api::model::view::{Code, Failure};
use driver::Layout;
use engine::Handle;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tauri::{AppHandle, Manager, Runtime};
use tokio::sync::watch as value;

/// How far it has come.
#[derive(Clone)]
enum Phase {
    /// Taking the home, adopting what runs.
    Starting,
    /// Ready for questions.
    Running(Handle),
    /// There is no engine, and why.
    Missing(String),
}

/// The engine of this app.
pub(crate) struct Embedded {
    phase: value::Sender<Phase>,
    host: Mutex<Option<Host>>,
}

impl Default for Embedded {
    fn default() -> Self {
        Self {
            phase: value::Sender::new(Phase::Starting),
            host: Mutex::default(),
        }
    }
}

/// Where this app's engine lives and what it is built from.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The home.
    pub(crate) home: Layout,
    /// The folder of `azora`, `azora-shim` and this program.
    pub(crate) programs: PathBuf,
    /// What people are told.
    pub(crate) version: String,
}

impl Embedded {
    /// One that never comes up, for a host that has only its commands.
    pub(crate) fn missing(why: &str) -> Self {
        let phase = value::Sender::new(Phase::Missing(why.to_owned()));
        Self {
            phase,
            host: Mutex::default(),
        }
    }

    /// The engine, once it has started or failed to.
    pub(crate) async fn handle(&self) -> Result<Handle, Failure> {
        let mut phase = self.phase.subscribe();
        let settled = phase
            .wait_for(|phase| !matches!(phase, Phase::Starting))
            .await;
        match settled.as_deref() {
            Ok(Phase::Running(handle)) => Ok(handle.clone()),
            Ok(Phase::Missing(why)) => Err(Failure {
                code: Code::Internal,
                message: why.clone(),
            }),
            // The sender lives as long as `self`.
            Ok(Phase::Starting) | Err(_) => Err(Failure {
                code: Code::Internal,
                message: "the engine is not there".to_owned(),
            }),
        }
    }

    /// The engine, if it is there now.
    pub(crate) fn handle_now(&self) -> Option<Handle> {
        match &*self.phase.borrow() {
            Phase::Running(handle) => Some(handle.clone()),
            Phase::Starting | Phase::Missing(_) => None,
        }
    }

    fn run(&self, host: Host) -> Handle {
        let handle = host.handle().clone();
        *self.lock() = Some(host);
        self.phase.send_replace(Phase::Running(handle.clone()));
        handle
    }

    fn fail(&self, why: String) {
        self.phase.send_replace(Phase::Missing(why));
    }

    /// Lets go of the home. What runs stays or is taken down first, as told.
    pub(crate) async fn end(&self, services: Services, settings: &Settings) {
        let host = self.lock().take();
        if let Some(host) = host {
            let leave_running = services != Services::Stop;
            host.shutdown("window", leave_running, "Azora was quit")
                .await;
            // Only who had the home hands it on, and only after it was let go.
            if services == Services::Stay {
                match serve_on(settings) {
                    Ok(pid) => tracing::info!(pid, "a headless engine takes care of the services"),
                    // They are safe with their shims, and the next engine adopts them.
                    Err(error) => {
                        tracing::error!(%error, "nobody watches the services that were left running");
                    }
                }
            }
        }
        self.fail("Azora is closing".to_owned());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Host>> {
        // It is only ever put in and taken out whole.
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the engine and everything that follows it. Takes the home over from a headless engine;
/// its services keep running. Returns when the engine has let go of its home.
pub(crate) async fn run<R: Runtime>(app: AppHandle<R>, options: Options) {
    let settings = app.state::<Settings>().inner().clone();
    let config = host::Config {
        engine: engine::Config {
            home: settings.home.home().to_owned(),
            programs: settings.programs,
            registry_port: Some(0),
            gateway_port: Some(0),
            version: settings.version,
        },
        port: 0,
        take_over: true,
    };
    // In a task of its own, so that even a panic becomes an answer to whoever waits.
    let started = match tauri::async_runtime::spawn(host::run(config)).await {
        Ok(Ok(host)) => Ok(host),
        Ok(Err(error)) => Err(with_sources(&error)),
        Err(_) => Err("it came to a fault of its own; the log says more".to_owned()),
    };
    let host = match started {
        Ok(host) => host,
        Err(why) => {
            let why = format!("failed to start the engine: {why}");
            tracing::error!("{why}");
            app.state::<Embedded>().fail(why);
            return;
        }
    };
    tracing::info!(api = host.url(), "the engine runs");
    let engine = app.state::<Embedded>().run(host);

    if let Some(opening) = options.open {
        tauri::async_runtime::spawn(open::opening(app.clone(), opening, options.trust));
    }
    let following = watch::follow(app.clone(), engine.clone());
    tokio::pin!(following);
    tokio::select! {
        () = &mut following => {}
        () = engine.closed() => {}
    }
    // Somebody else asked the engine to let go: a window without an engine is no use to anyone.
    if !app.state::<Leaving>().is_under_way() {
        tracing::info!("another engine has taken the home; closing");
        crate::quit::leave(&app, Services::StayUnwatched);
    }
}

/// Starts a headless engine that adopts what this one leaves running.
fn serve_on(settings: &Settings) -> std::io::Result<u32> {
    let mut env: BTreeMap<OsString, OsString> = driver::env::inherited().collect();
    env.insert("AZORA_HOME".into(), settings.home.home().into());
    let log = settings.home.home().join("engine.log");
    driver::detach::spawn(
        &settings.programs.join("azora"),
        &["serve".into()],
        &env,
        &log,
    )
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_waits_for_the_engine_and_hears_why_there_is_none() {
        let embedded = Embedded::default();
        let asked = async { embedded.handle().await.err().map(|failure| failure.message) };
        let failed = async { embedded.fail("the disk is full".to_owned()) };
        let (heard, ()) = tokio::join!(asked, failed);
        assert_eq!(heard.as_deref(), Some("the disk is full"));
        assert!(embedded.handle_now().is_none());
    }
}
