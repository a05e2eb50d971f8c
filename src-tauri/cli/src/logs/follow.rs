//! Following: every line as it comes, through restarts of services and of the engine itself.

use super::pages::{Places, Wanted};
use super::show::Show;
use crate::args::{Logs, Place};
use crate::fail::{Done, Fail};
use crate::place::{Scene, layout};
use crate::terminal::note;
use api::client::{self, Client};
use api::requests::FollowLogsRequest;
use model::ServiceName;
use model::view::{Code, LogLine};
use std::time::Duration;

/// Between two looks for the next engine.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// Instances that came while no engine was there are shown from their first line, up to this.
const ALL: u32 = 10_000;

/// Prints lines until its reader goes. What was shown is known by its address, so nothing is shown
/// twice or left out when another engine goes on.
pub(super) async fn follow(
    place: &Place,
    scene: Scene,
    wanted: &Wanted,
    arguments: &Logs,
    mut places: Places,
    show: &mut Show,
) -> Done {
    let mut services: Vec<ServiceName> = Vec::new();
    if !arguments.services.is_empty() {
        let named = wanted.instances.iter();
        services = named.map(|instance| instance.service.clone()).collect();
        services.dedup();
    }
    let singles = arguments.services.iter().any(|word| word.contains('.'));
    let Scene {
        mut client,
        cluster,
        ..
    } = scene;
    let mut reveal = wanted.reveal.clone();
    loop {
        let request = FollowLogsRequest {
            cluster: cluster.id.clone(),
            services: services.clone(),
            tail: Some(ALL),
            from: Some(places.clone()),
            grep: wanted.grep.clone(),
            text: None,
            level: wanted.level,
            newest: None,
            reveal: reveal.clone(),
        };
        let ended = async {
            let mut batches = client
                .stream::<Vec<LogLine>>("follow_logs", &request)
                .await?;
            while let Some(batch) = batches.next().await? {
                for line in batch {
                    if let Some(place) = places.get_mut(&line.instance) {
                        *place = line.end;
                    } else {
                        places.insert(line.instance.clone(), line.end);
                    }
                    if !singles || wanted.instances.contains(&line.instance) {
                        show.line(&line)?;
                    }
                }
                show.flush()?;
            }
            Ok::<(), Ended>(())
        };
        match ended.await {
            Ok(()) => {}
            Err(Ended::Engine(error)) if gone(&error) => {}
            Err(Ended::Engine(error)) => return Err(error.into()),
            Err(Ended::Reader(fail)) => return Err(fail),
        }
        note(
            "azora: the engine has ended; its services go on, and so does this with the next engine",
        );
        client = next_engine(place).await?;
        if reveal.is_some() {
            // Leave ends with the engine that gave it.
            let services = services.clone();
            reveal = Some(
                crate::reveal::key(&client, &cluster.id, services, arguments.reason.clone())
                    .await?,
            );
        }
    }
}

/// Why a stream ended.
enum Ended {
    Engine(client::Error),
    Reader(Fail),
}

impl From<client::Error> for Ended {
    fn from(error: client::Error) -> Self {
        Ended::Engine(error)
    }
}

impl From<Fail> for Ended {
    fn from(fail: Fail) -> Self {
        Ended::Reader(fail)
    }
}

/// True when the engine is no more, or is just going.
pub(crate) fn gone(error: &client::Error) -> bool {
    match error {
        client::Error::Broken(_) => true,
        client::Error::Failed(failure) => failure.code == Code::Closing,
        error => error.nobody(),
    }
}

/// Waits for an engine to have the home again.
pub(crate) async fn next_engine(place: &Place) -> Done<Client> {
    let home = layout(place)?;
    loop {
        match Client::connect(home.home()).await {
            Ok(client) => return Ok(client),
            Err(error) if gone(&error) => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error.into()),
        }
    }
}
