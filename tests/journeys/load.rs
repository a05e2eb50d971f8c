//! Load is a fault that more instances mend: they are added while people wait, and taken away afterwards.

use std::time::Duration;
use tests::load::Load;
use tests::rolling::shared_port;
use tests::{Azora, Folder, until};

/// One worker does ten requests a second. All instances listen on one socket.
const SHOP: &str = r#"
[service.web]
run = "puppet queue 100"
listen = "shared"
port = 0
max_replicas = 3
health = { http = "/health", every = "500ms", timeout = "5s", pass = 4, degraded_above = "300ms" }
heal = { reset_after = "5s" }
"#;

/// Fourteen requests a second are too many for one worker and few for two, whatever the machine: the
/// workers wait, they do not compute.
const CLIENTS: usize = 32;
const PACE: Duration = Duration::from_millis(2_200);

#[test]
fn more_instances_take_the_load_and_go_when_it_has_gone() {
    let (azora, folder) = (Azora::new(), Folder::with(SHOP));
    let folder = folder.path();
    azora.up(folder);
    let first = azora.instance(folder, "web.0");
    let load = Load::of_people(shared_port(&azora, folder), CLIENTS, PACE);
    azora.until(folder, "web.0", "slow", |web| web.state == "degraded");
    let scaled = until("an instance to be added", || {
        azora.instances(folder).remove("web.1")
    });
    // Who waited is answered by both, and then as soon as before: under the same load.
    azora.until(folder, "web.0", "quick again", |web| web.state == "ready");
    let incident = until("the incident to be over", || {
        let newest = azora.incidents().into_iter().next()?;
        (newest["state"] == "resolved").then_some(newest)
    });
    assert_eq!(incident["instance"], "web.0", "{incident:#}");
    let action = &incident["actions"][0];
    assert_eq!(action["kind"], "scale-up", "{incident:#}");
    let detail = action["detail"].as_str().unwrap_or_default();
    assert!(
        detail.starts_with("scaled up to 2 of at most 3: "),
        "{detail}"
    );
    assert!(detail.contains("wait"), "who waits is why: {detail}");
    assert_eq!(azora.instances(folder).len(), 2, "one was enough");
    let shown = azora.ok(folder, &["ps"]);
    assert!(shown.contains("healing added 1, at most 3"), "{shown}");
    // Nothing was restarted for it, and nobody was refused.
    let still = azora.instance(folder, "web.0");
    assert_eq!((still.pid, still.restarts), (first.pid, 0));
    let tally = load.end();
    assert_eq!(tally.failed, 0, "{tally:#?}");
    assert_eq!(tally.pids.len(), 2, "both served: {:?}", tally.pids);
    assert_eq!(scaled.name, "web.1");

    until("as many as are defined", || {
        (azora.instances(folder).len() == 1).then_some(())
    });
    assert_eq!(azora.instance(folder, "web.0").pid, first.pid);
    let events = azora.ok(folder, &["events"]);
    for told in ["scaled up from 1 to 2", "scaled down from 2 to 1"] {
        assert!(events.contains(told), "{told}: {events}");
    }
    azora.ok(folder, &["down"]);
    // A shim goes last.
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
}
