//! `gateway`: where each name leads and how it goes with it, and `gateway log`: what came through.

use crate::args::{Gateway, GatewayCommand, GatewayLog, Place};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, clock, now, with_times};
use api::client::Client;
use api::gateway::{GatewayAsked, GatewayMessage};
use model::view::{BackendState, GatewayRequest, GatewayView, RouteView, Whence};
use model::{ClusterId, Timestamp};
use serde_json::json;

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 5] = ["PATH", "P50", "ERRORS", "P99", "REQUESTS"];
/// The most that an engine gives: what is not meant among them is left out here.
const ALL: u32 = 1_000;

/// `azora gateway`, and what goes with it.
pub(crate) async fn gateway(place: &Place, arguments: &Gateway) -> Done {
    match &arguments.command {
        Some(GatewayCommand::Log(asked)) => log(place, asked).await,
        None => routes(place, arguments.json.json).await,
    }
}

/// Its routes; of one cluster only where one is named.
async fn routes(place: &Place, as_json: bool) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let asked = GatewayAsked { requests: Some(0) };
    let message: GatewayMessage = client.call("gateway", &asked).await?;
    let mut view = running(message.gateway)?;
    let shown = view.routes.len();
    view.routes
        .retain(|route| meant(place, route.cluster.as_ref()));
    if as_json {
        print(&with_times(json!(view)).to_string())?;
        return Ok(());
    }
    print(&format!(
        "the gateway listens at {}: {}, {} refused since it started",
        view.address,
        counted(u64::from(view.connections), "connection"),
        counted(view.refused, "request"),
    ))?;
    if view.routes.is_empty() {
        print(
            "it leads nowhere yet: a service gets a route with its first instance that is ready",
        )?;
        return Ok(());
    }
    if view.total as usize > shown {
        print(&format!(
            "{shown} of {} routes are shown: those of clusters and the busiest of the others",
            view.total
        ))?;
    }
    let now = now();
    let rows: Vec<Vec<Cell>> = view.routes.iter().map(|route| row(route, now)).collect();
    let headings = [
        "ROUTE", "SERVING", "REQUESTS", "ERRORS", "P50", "P99", "PATH", "WHY",
    ];
    for line in table(&headings, &rows, &SPARE, Terminal::stdout()) {
        print(&line)?;
    }
    Ok(())
}

fn running(view: Option<GatewayView>) -> Done<GatewayView> {
    view.ok_or_else(|| {
        Fail::absent("the gateway does not run; docs/settings.md says how it is turned on")
    })
}

fn counted(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// It is of the cluster that was named, or none was.
fn meant(place: &Place, cluster: Option<&ClusterId>) -> bool {
    place
        .cluster
        .as_deref()
        .is_none_or(|wanted| cluster.is_some_and(|of| crate::past::is_cluster(of.as_str(), wanted)))
}

fn row(route: &RouteView, now: Timestamp) -> Vec<Cell> {
    let serving = |state: &BackendState| *state == BackendState::Serving;
    let states = route.backends.iter().map(|one| &one.state);
    let up = states.filter(|state| serving(state)).count();
    let all = route.backends.len();
    let paint = match up {
        0 => Paint::Bad,
        up if up < all => Paint::Warn,
        _ => Paint::Good,
    };
    let traffic = &route.traffic;
    let (errors, errors_paint) = match traffic.per_second > 0.0 {
        true => share(traffic.failed_per_second / traffic.per_second),
        false => (String::new(), Paint::None),
    };
    vec![
        cell(plain(&route.host)),
        (format!("{up} of {all}"), paint),
        cell(rate(traffic.per_second)),
        (errors, errors_paint),
        cell(traffic.p50_ms.map_or_else(String::new, millis)),
        cell(traffic.p99_ms.map_or_else(String::new, millis)),
        (plain(&route.prefix), Paint::Faint),
        cell(why(route, now)),
    ]
}

/// What keeps it, or one of its instances, from serving.
fn why(route: &RouteView, now: Timestamp) -> String {
    if let Some(none) = &route.unavailable {
        return format!("{}, for {}", plain(&none.why), ago(none.since, now));
    }
    let away = route
        .backends
        .iter()
        .filter(|one| one.state != BackendState::Serving)
        .map(|one| {
            let word = match one.state {
                BackendState::Serving => "serving",
                BackendState::Ejected => "ejected",
                BackendState::Draining => "draining",
                BackendState::Withheld => "withheld",
            };
            let called = match &one.instance {
                Some(instance) => instance.to_string(),
                None => plain(&one.id),
            };
            let mut said = format!("{called} {word}");
            if let Some(why) = &one.why {
                said = format!("{said}: {}", plain(why));
            }
            match one.until {
                Some(until) if until > now => format!("{said}, {} more", ago(now, until)),
                _ => said,
            }
        });
    away.collect::<Vec<_>>().join("; ")
}

fn rate(per_second: f64) -> String {
    match per_second {
        0.0 => "0/s".to_owned(),
        rare if rare < 0.1 => "<0.1/s".to_owned(),
        few if few < 10.0 => format!("{few:.1}/s"),
        many => format!("{many:.0}/s"),
    }
}

/// What is not nothing is never shown as nothing.
fn share(part: f64) -> (String, Paint) {
    match part * 100.0 {
        0.0 => ("0 %".to_owned(), Paint::None),
        few if few < 0.1 => ("<0.1 %".to_owned(), Paint::Bad),
        percent => (format!("{percent:.1} %"), Paint::Bad),
    }
}

fn millis(ms: f64) -> String {
    match ms {
        short if short < 10.0 => format!("{short:.1} ms"),
        long if long < 1_000.0 => format!("{long:.0} ms"),
        long => format!("{:.1} s", long / 1_000.0),
    }
}

/// What came through lately, oldest first, and what comes.
async fn log(place: &Place, asked: &GatewayLog) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let limit = asked.recent.limit as usize;
    let all = GatewayAsked {
        requests: Some(if asked.route.is_none() {
            asked.recent.limit
        } else {
            ALL
        }),
    };
    let is = |one: &GatewayRequest| asked.route.as_ref().is_none_or(|host| one.host == *host);
    let as_json = asked.recent.json.json;
    if !asked.follow {
        let message: GatewayMessage = client.call("gateway", &all).await?;
        running(message.gateway)?;
        let mut requests = message.requests;
        requests.retain(is);
        requests.drain(..requests.len().saturating_sub(limit));
        if as_json {
            print(&with_times(json!(requests)).to_string())?;
        } else {
            for one in &requests {
                print(&line(one))?;
            }
        }
        return Ok(());
    }
    let mut stream = client
        .stream::<GatewayMessage>("watch_gateway", &all)
        .await?;
    let mut first = true;
    while let Some(message) = stream.next().await? {
        running(message.gateway)?;
        let mut requests = message.requests;
        requests.retain(is);
        if std::mem::take(&mut first) {
            requests.drain(..requests.len().saturating_sub(limit));
        }
        for one in &requests {
            match as_json {
                true => print(&with_times(json!(one)).to_string())?,
                false => print(&line(one))?,
            }
        }
    }
    Err(Fail::absent("the engine has ended"))
}

fn line(one: &GatewayRequest) -> String {
    let paint = match one.status {
        500.. => Paint::Bad,
        400.. => Paint::Warn,
        _ => Paint::None,
    };
    let status = Terminal::stdout().paint(paint, &one.status.to_string());
    let mut said = format!(
        "{}  {} {}{}  {status}  {}",
        clock(one.at),
        plain(&one.method),
        plain(&one.host),
        plain(&one.path),
        millis(one.took_ms)
    );
    if let Some(backend) = &one.backend {
        said = format!("{said}  by {}", plain(backend));
    }
    if let Some(caller) = &one.caller {
        said = format!("{said}  from {caller}");
    } else if one.whence == Whence::Unknown {
        said = format!("{said}  from somebody unknown");
    }
    if one.retries > 0 {
        said = format!(
            "{said}  after {}",
            match one.retries {
                1 => "1 retry".to_owned(),
                n => format!("{n} retries"),
            }
        );
    }
    if let Some(error) = &one.error {
        said = format!("{said}  {}", plain(error));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::{BackendView, Balance, Traffic, Unavailable};

    fn backend(id: &str, state: BackendState, why: Option<&str>) -> BackendView {
        BackendView {
            id: id.to_owned(),
            instance: None,
            address: "127.0.0.1:1".to_owned(),
            state,
            why: why.map(str::to_owned),
            until: Some(Timestamp(45_000)),
            in_flight: 0,
            traffic: Traffic::default(),
        }
    }

    fn route(backends: Vec<BackendView>) -> RouteView {
        RouteView {
            host: "api.shop.localhost".to_owned(),
            prefix: "/shop/api".to_owned(),
            cluster: None,
            name: "api".to_owned(),
            balance: Balance::default(),
            backends,
            unavailable: None,
            traffic: Traffic {
                per_second: 12.34,
                failed_per_second: 0.5,
                p50_ms: Some(1.26),
                p99_ms: Some(81.0),
                ..Traffic::default()
            },
            retries: 0,
            retry_budget: 1.0,
        }
    }

    fn texts(route: &RouteView) -> Vec<String> {
        let row = row(route, Timestamp(3_000));
        row.into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn a_row_says_how_it_goes_and_who_is_left_out_until_when() {
        let route = route(vec![
            backend("api.0", BackendState::Serving, None),
            backend(
                "api.1",
                BackendState::Ejected,
                Some("5 of 5 answers were 503"),
            ),
        ]);
        assert_eq!(
            texts(&route),
            [
                "api.shop.localhost",
                "1 of 2",
                "12/s",
                "4.1 %",
                "1.3 ms",
                "81 ms",
                "/shop/api",
                "api.1 ejected: 5 of 5 answers were 503, 42 s more"
            ]
        );
    }

    #[test]
    fn a_route_that_nobody_serves_says_why_and_for_how_long() {
        let mut route = route(Vec::new());
        route.traffic = Traffic::default();
        route.unavailable = Some(Unavailable {
            why: "api.0: exited with code 1".to_owned(),
            since: Timestamp(1_000),
        });
        let texts = texts(&route);
        assert_eq!(texts[1..4], ["0 of 0", "0/s", ""]);
        assert_eq!(texts[7], "api.0: exited with code 1, for 2 s");
    }

    #[test]
    fn what_is_not_nothing_is_never_shown_as_nothing() {
        assert_eq!(share(0.0).0, "0 %");
        assert_eq!(share(0.000_1).0, "<0.1 %");
        assert_eq!(share(0.5).0, "50.0 %");
        assert_eq!(
            [rate(0.0), rate(0.04), rate(9.96)],
            ["0/s", "<0.1/s", "10.0/s"]
        );
    }
}
