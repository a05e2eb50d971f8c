//! `mute`, `unmute`: of what the desktop app shows no notification. What is muted happens all the same, and is listed by
//! `azora incidents`.

use crate::acts::allowed;
use crate::args::{Mute, Place, Unmute};
use crate::fail::{Done, Fail};
use crate::place::{Scene, layout};
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, clock, length, now, with_times};
use crate::watch::settled;
use crate::whom::services;
use api::client::Client;
use api::requests::{MuteRequest, Nothing, UnmuteRequest};
use model::view::NotificationsView;
use model::{Act, ClusterId, Mute as Muted, ServiceName, Timestamp};
use serde_json::json;

/// Of what, with the engine that is asked.
struct Whom {
    client: Client,
    cluster: Option<ClusterId>,
    services: Vec<ServiceName>,
}

impl Whom {
    async fn find(place: &Place, named: &[String], everything: bool) -> Done<Self> {
        if everything {
            return Ok(Self {
                client: Client::connect(layout(place)?.home()).await?,
                cluster: None,
                services: Vec::new(),
            });
        }
        let scene = Scene::find(place).await?;
        Ok(Self {
            cluster: Some(scene.cluster.id.clone()),
            client: scene.client,
            services: services(named)?,
        })
    }

    fn words(&self) -> String {
        let names: Vec<&str> = self.services.iter().map(|name| name.as_str()).collect();
        match (&self.cluster, names.is_empty()) {
            (None, _) => "everything".to_owned(),
            (Some(cluster), true) => format!("cluster {cluster}"),
            (Some(_), false) => names.join(", "),
        }
    }

    /// It is one of those that are named, and not only covered by something wider.
    fn named(&self, one: &Muted) -> bool {
        let cluster = self.cluster.as_ref();
        match self.services.is_empty() {
            true => one.is_of(cluster, None),
            false => {
                let mut services = self.services.iter();
                services.any(|service| one.is_of(cluster, Some(service)))
            }
        }
    }

    /// Something of it stays without notifications because of this one.
    fn covered(&self, one: &Muted) -> bool {
        let Some(cluster) = &self.cluster else {
            return true;
        };
        match self.services.is_empty() {
            true => one.cluster.as_ref().is_none_or(|own| own == cluster),
            false => self.services.iter().any(|name| one.covers(cluster, name)),
        }
    }
}

/// `mute`: nothing moves by it, so there is nothing to wait for.
pub(crate) async fn mute(place: &Place, arguments: &Mute) -> Done {
    if arguments.list {
        return list(place, arguments.json).await;
    }
    let span = arguments.span.as_deref();
    let span = span.map(crate::text::span).transpose()?;
    let whom = Whom::find(place, &arguments.services, arguments.everything).await?;
    let request = MuteRequest {
        cluster: whom.cluster.clone(),
        services: whom.services.clone(),
        span_ms: span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        reason: arguments.why.reason.clone(),
    };
    let act: Act = whom.client.call("mute", &request).await?;
    allowed(&act)?;
    let of = whom.words();
    let ends = match whom.cluster {
        None => "azora unmute --everything".to_owned(),
        Some(_) => unmuting(place, &whom.services),
    };
    print(&match span {
        Some(span) => format!(
            "no notifications of {of} for {}; `{ends}` turns them on sooner",
            length(span)
        ),
        None => format!("no notifications of {of}; `{ends}` turns them on"),
    })?;
    Ok(())
}

/// What ends it, typed where this was: the cluster is named where it was named.
fn unmuting(place: &Place, services: &[ServiceName]) -> String {
    let services = services.iter().map(|name| format!(" {name}"));
    let cluster = place.cluster.iter();
    let cluster = cluster.map(|name| format!(" --cluster {}", plain(name)));
    let folder = place.folder.iter();
    let folder = folder.map(|path| format!(" -C {}", plain(&path.display().to_string())));
    let words: String = services.chain(cluster).chain(folder).collect();
    format!("azora unmute{words}")
}

/// `unmute`. Fails when something else still keeps them off, and says what.
pub(crate) async fn unmute(place: &Place, arguments: &Unmute) -> Done {
    let whom = Whom::find(place, &arguments.services, arguments.everything).await?;
    let before = notifications(&whom.client).await?;
    let request = UnmuteRequest {
        cluster: whom.cluster.clone(),
        services: whom.services.clone(),
        reason: arguments.why.reason.clone(),
    };
    let act: Act = whom.client.call("unmute", &request).await?;
    allowed(&act)?;
    settled(&whom.client, act.id).await?;
    let of = whom.words();
    print(&match before.mutes.iter().any(|one| whom.named(one)) {
        true => format!("{of} is not muted any more"),
        false => format!("{of} was not muted"),
    })?;
    let after = notifications(&whom.client).await?;
    let left = after.mutes.iter().filter(|one| whom.covered(one));
    let left: Vec<String> = left.map(still).collect();
    match left.is_empty() {
        true => Ok(()),
        false => Err(Fail::failed(left.join("; "))),
    }
}

/// "everything is still muted until 14:02: `azora unmute --everything` ends that".
fn still(one: &Muted) -> String {
    let until = one.until.map(|at| format!(" until {}", clock(at)));
    let ends = match (&one.cluster, &one.service) {
        (None, _) => "azora unmute --everything".to_owned(),
        (Some(cluster), None) => format!("azora unmute --cluster {cluster}"),
        (Some(cluster), Some(service)) => format!("azora unmute {service} --cluster {cluster}"),
    };
    let (of, until) = (what(one), until.unwrap_or_default());
    format!("{of} is still muted{until}: `{ends}` ends that")
}

async fn notifications(client: &Client) -> Done<NotificationsView> {
    Ok(client.call("notifications", &Nothing {}).await?)
}

async fn list(place: &Place, as_json: bool) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let view = notifications(&client).await?;
    if as_json {
        print(&with_times(json!(view)).to_string())?;
        return Ok(());
    }
    for line in settings(&view) {
        print(&line)?;
    }
    if view.mutes.is_empty() {
        print("nothing is muted; `azora mute` does it")?;
        return Ok(());
    }
    let now = now();
    let rows: Vec<Vec<Cell>> = view.mutes.iter().map(|one| row(one, now)).collect();
    for line in table(&["MUTED", "UNTIL", "SINCE"], &rows, &[], Terminal::stdout()) {
        print(&line)?;
    }
    Ok(())
}

/// What settings.toml says, where it says something.
fn settings(view: &NotificationsView) -> Vec<String> {
    let mut lines = Vec::new();
    if !view.enabled {
        lines.push("settings.toml turns all notifications off".to_owned());
    }
    if !view.except.is_empty() {
        let names: Vec<&str> = view.except.iter().map(|name| name.as_str()).collect();
        let names = plain(&names.join(", "));
        lines.push(format!("settings.toml wants none of {names}"));
    }
    if !view.quiet.is_empty() {
        let hours = plain(&view.quiet.join(", "));
        lines.push(format!("settings.toml wants none in these hours: {hours}"));
    }
    lines
}

fn row(one: &Muted, now: Timestamp) -> Vec<Cell> {
    let until = match one.until {
        Some(until) => cell(clock(until)),
        None => ("unmuted".to_owned(), Paint::Warn),
    };
    vec![cell(what(one)), until, cell(ago(one.since, now))]
}

fn what(one: &Muted) -> String {
    match (&one.cluster, &one.service) {
        (None, _) => "everything".to_owned(),
        (Some(cluster), None) => format!("cluster {cluster}"),
        (Some(cluster), Some(service)) => format!("{service} of {cluster}"),
    }
}

/// Why no notification is shown of incidents like this one, and until when: "everything, until 14:02".
pub(crate) async fn note_of(
    client: &Client,
    cluster: &ClusterId,
    service: &ServiceName,
) -> Option<String> {
    // The incident can be told without it: an engine of before knows no mutes.
    let view = notifications(client).await.ok()?;
    let one = Muted::longest(&view.mutes, cluster, service)?;
    let until = one.until.map(|at| format!(", until {}", clock(at)));
    Some(format!("{}{}", what(one), until.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn muted(cluster: Option<&str>, service: Option<&str>, until: Option<i64>) -> Muted {
        Muted {
            cluster: cluster.map(|id| id.parse().unwrap()),
            service: service.map(|name| name.parse().unwrap()),
            since: Timestamp(1_000),
            until: until.map(Timestamp),
        }
    }

    #[test]
    fn a_row_says_what_is_muted_and_until_when() {
        let texts = |one: &Muted| {
            let row = row(one, Timestamp(61_000));
            row.into_iter().map(|(text, _)| text).collect::<Vec<_>>()
        };
        let all = texts(&muted(None, None, None));
        assert_eq!(all, ["everything", "unmuted", "1 m 00 s"]);
        let one = texts(&muted(Some("shop-1"), Some("api"), Some(2_000)));
        assert_eq!(
            one[..2],
            ["api of shop-1".to_owned(), clock(Timestamp(2_000))]
        );
    }

    #[test]
    fn what_still_mutes_is_said_with_how_it_is_ended() {
        let text = still(&muted(Some("shop-1"), Some("api"), None));
        assert_eq!(
            text,
            "api of shop-1 is still muted: `azora unmute api --cluster shop-1` ends that"
        );
        let text = still(&muted(None, None, Some(2_000)));
        assert!(
            text.contains("until") && text.contains("unmute --everything"),
            "{text}"
        );
    }

    #[test]
    fn what_ends_a_mute_can_be_typed_where_that_was() {
        let typed = |cluster: Option<&str>, folder: Option<&str>, services: &[&str]| {
            let place = Place {
                cluster: cluster.map(str::to_owned),
                folder: folder.map(Into::into),
                ..Place::default()
            };
            let services: Vec<ServiceName> =
                services.iter().map(|one| one.parse().unwrap()).collect();
            unmuting(&place, &services)
        };
        assert_eq!(typed(None, None, &[]), "azora unmute");
        assert_eq!(
            typed(Some("shop"), None, &["api", "db"]),
            "azora unmute api db --cluster shop"
        );
        assert_eq!(
            typed(None, Some("../shop"), &["api"]),
            "azora unmute api -C ../shop"
        );
    }

    #[test]
    fn settings_are_said_where_they_say_something() {
        let mut view = NotificationsView {
            enabled: true,
            except: Vec::new(),
            quiet: Vec::new(),
            mutes: Vec::new(),
        };
        assert_eq!(settings(&view), [""; 0]);
        view.enabled = false;
        view.except = vec!["scratch".parse().unwrap()];
        view.quiet = vec!["22:00-07:00".to_owned()];
        let lines = settings(&view);
        assert_eq!(lines.len(), 3);
        assert!(lines[2].ends_with("22:00-07:00"), "{lines:?}");
    }
}
