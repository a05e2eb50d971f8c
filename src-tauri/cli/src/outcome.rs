//! What came of an order, said at its end: a line for people, or an object for programs.

use crate::acts::failures;
use crate::args::Json;
use crate::fail::{Done, Fail};
use crate::reads::instance_json;
use crate::terminal::{note, print};
use crate::watch::Watch;
use api::client::Client;
use api::requests::PsRequest;
use api::views::{PsView, WaitView};
use model::{ClusterId, ServiceName};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An order that has come to rest.
pub(crate) struct Settled<'a> {
    /// Which.
    pub(crate) name: &'a str,
    /// In which cluster; none for all of the home.
    pub(crate) cluster: Option<&'a ClusterId>,
    /// About these; none for all.
    pub(crate) of: &'a [ServiceName],
    /// As it was seen.
    pub(crate) watch: &'a Watch,
    /// As the engine says.
    pub(crate) view: &'a WaitView,
    /// Where services are reached by their names; said where there are any.
    pub(crate) urls: BTreeMap<ServiceName, String>,
}

impl Settled<'_> {
    /// Says it. `words` are for people, on standard output when all went well.
    pub(crate) async fn say(&self, client: &Client, json: Json, words: &str) -> Done {
        if json.json {
            print(&self.json().to_string())?;
        } else if self.view.failed.is_empty() {
            print(words)?;
            for line in crate::names::lines(&self.urls) {
                print(&line)?;
            }
        }
        if self.view.failed.is_empty() {
            return Ok(());
        }
        if !json.json {
            note(words);
            failures(client, self.cluster, self.watch, self.view).await;
        }
        Err(Fail::said())
    }

    /// The shape other programs rely on.
    fn json(&self) -> Value {
        let failed = self.view.failed.iter();
        let failed: Vec<Value> = failed
            .map(|(instance, reason)| json!({ "instance": instance, "reason": reason.to_string() }))
            .collect();
        let instances = self.watch.board.of(self.of);
        let instances: Vec<Value> = instances.into_iter().map(instance_json).collect();
        json!({
            "order": self.name,
            "cluster": self.cluster,
            "ok": failed.is_empty(),
            "seconds": self.watch.elapsed().as_secs_f64(),
            "failed": failed,
            "instances": instances,
            "urls": self.urls,
        })
    }
}

/// Says how an `up` went.
pub(crate) async fn conclude(
    client: &Client,
    cluster: &ClusterId,
    watch: &Watch,
    settled: &WaitView,
    json: Json,
) -> Done {
    let words = format!(
        "{}: {} in {}",
        engine::called(cluster),
        watch.board.counts(),
        watch.took()
    );
    let asked = PsRequest {
        cluster: Some(cluster.clone()),
        folder: None,
    };
    // That it is up is so, whether they can be told or not.
    let asked = client.call::<PsView>("ps", &asked).await;
    let urls = asked.map_or_else(|_| BTreeMap::new(), |view| view.urls);
    let settled = Settled {
        name: "up",
        cluster: Some(cluster),
        of: &[],
        watch,
        view: settled,
        urls,
    };
    settled.say(client, json, &words).await
}
