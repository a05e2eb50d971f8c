//! An engine with its HTTP host around it: what `azora serve`, `azora up` and the window all run.

use crate::client::{self, Client, browser_url};
use crate::http::token::Token;
use crate::http::{self, Server};
use crate::requests::{Nothing, ShutdownRequest};
use engine::{Engine, Handle, StartError};
use model::Actor;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a host is built from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine's part.
    pub engine: engine::Config,
    /// Where the API and the browser UI listen on 127.0.0.1; 0 is any free port.
    pub port: u16,
    /// When another engine has the home, ask it to hand it over; its services keep running.
    pub take_over: bool,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// The engine that has the home did not let go of it, and could not be ended.
    #[error("failed to take the home over from the engine that has it")]
    TakeOver,
    /// Nothing could listen.
    #[error("failed to listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no random number for a token.
    #[error("failed to make a token")]
    Token(#[source] io::Error),
}

/// A running engine that listens.
pub struct Host {
    handle: Handle,
    server: Server,
    token: Token,
    /// Kept for as long as the host lives.
    _engine: Engine,
}

/// How long an engine may take to hand its home over before it is ended. One that is well needs
/// the time of two writes to disk, and what its gateway and its API may take to answer what is under way: five
/// seconds.
const HAND_OVER: Duration = Duration::from_secs(10);
/// Between two looks at whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Starts an engine and listens for it.
pub async fn run(config: Config) -> Result<Host, Error> {
    let engine = take_home(&config).await?;
    let handle = engine.handle();
    match listen(&config, &handle).await {
        Ok((server, token)) => Ok(Host {
            handle,
            server,
            token,
            _engine: engine,
        }),
        Err(error) => {
            let (actor, why) = (Actor::person("start"), "nothing could listen");
            handle.shutdown(actor, true, why.to_owned()).await;
            Err(error)
        }
    }
}

async fn listen(config: &Config, handle: &Handle) -> Result<(Server, Token), Error> {
    let refused = |source| Error::Listen {
        port: config.port,
        source,
    };
    let listener = http::bind(config.port).await.map_err(refused)?;
    // After the engine has the home, so that the token of another is never overwritten; before
    // anybody is told the address.
    let token = Token::generate().map_err(Error::Token)?;
    let home = &config.engine.home;
    token.write(home).map_err(|source| {
        let path = home.join(http::token::FILE);
        StartError::Failed(engine::Error::Home { path, source }).explained(home)
    })?;
    let server = http::serve(listener, Arc::new(handle.clone()), token.clone()).map_err(refused)?;
    let url = format!("http://{}", server.address());
    let announced = handle.announce_api(url).map_err(StartError::Failed);
    announced.map_err(|error| error.explained(home))?;
    Ok((server, token))
}

/// Starts the engine. Whoever has the home is asked for it first, if that is wanted, and ended if
/// it does not answer: its services are nobody's children but their shims', so they live on.
async fn take_home(config: &Config) -> Result<Engine, Error> {
    match Engine::start(config.engine.clone()).await {
        Err(StartError::Held { .. }) if config.take_over => {}
        other => return Ok(other?),
    }
    if ask_for_home(config).await
        && let Some(engine) = once_free(config).await?
    {
        return Ok(engine);
    }
    tracing::warn!("the engine that has the home does not let go of it; ending it");
    engine::end_holder(&config.engine.home)
        .await
        .map_err(StartError::Failed)?;
    match once_free(config).await? {
        Some(engine) => Ok(engine),
        None => Err(Error::TakeOver),
    }
}

/// The engine, as soon as the home is free; `None` when it does not become so.
async fn once_free(config: &Config) -> Result<Option<Engine>, Error> {
    let deadline = Instant::now() + HAND_OVER;
    loop {
        match Engine::start(config.engine.clone()).await {
            Err(StartError::Held { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(StartError::Held { .. }) => return Ok(None),
            other => return Ok(Some(other?)),
        }
    }
}

/// Asks the engine that has the home to leave its services running and go. False when it did not
/// say that it does; whether it did shows in the lock.
async fn ask_for_home(config: &Config) -> bool {
    let asked = async {
        let client = Client::connect(&config.engine.home).await?;
        let request = ShutdownRequest {
            leave_running: true,
            reason: Some("another engine takes the home over".to_owned()),
        };
        client.call::<Nothing>("shutdown", &request).await
    };
    match tokio::time::timeout(HAND_OVER, asked).await {
        Ok(Ok(Nothing {})) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "asking for the home was not answered well");
            // Gone between the two, or it hung up when it went.
            matches!(error, client::Error::NoEngine(_) | client::Error::Broken(_))
        }
        Err(_) => {
            tracing::warn!("asking for the home was not answered");
            false
        }
    }
}

impl Host {
    /// For commands from within this process.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where it listens, as shown to anybody.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The address that opens the UI in a browser: it holds the token, so it is for the person's
    /// own terminal or browser and for nothing else.
    pub fn browser_url(&self) -> String {
        browser_url(self.server.address(), &self.token)
    }

    /// Resolves when the engine has let go of its home, whoever asked it to.
    pub async fn closed(&self) {
        self.handle.closed().await;
    }

    /// Ends the engine, leaving its services running or taking them down first, then stops
    /// listening. When the engine has ended already, only the latter. It is a person who asks, via
    /// this.
    pub async fn shutdown(self, via: &str, leave_running: bool, reason: &str) {
        let actor = Actor::person(via);
        self.handle
            .shutdown(actor, leave_running, reason.to_owned())
            .await;
        self.server.stop().await;
    }
}
