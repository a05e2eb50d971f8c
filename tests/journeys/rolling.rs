//! A restart under load loses no request, when the service is handed its listening socket.

use tests::rolling::{ALONE, DEFINITION, REPLICAS, Size, play};
use tests::{Azora, Folder};

#[test]
fn a_rolling_restart_under_load_fails_no_request() {
    let (azora, folder) = (Azora::new(), Folder::with(DEFINITION));
    let outcome = play(
        &azora,
        &folder,
        Size {
            restarts: 2,
            kept: 4,
            fresh: 2,
            engine_kills: 1,
        },
    );
    assert_eq!(outcome.tally.failed, 0, "{:#?}", outcome.tally);
    // Each of them answered, before and after.
    assert!(
        outcome.tally.pids.len() > REPLICAS,
        "{:?}",
        outcome.tally.pids
    );
    assert_eq!(azora.left(), [""; 0]);
}

#[test]
fn the_restart_of_one_alone_lets_connections_wait_and_refuses_none() {
    let (azora, folder) = (Azora::new(), Folder::with(ALONE));
    let outcome = play(
        &azora,
        &folder,
        Size {
            restarts: 2,
            kept: 2,
            fresh: 2,
            engine_kills: 1,
        },
    );
    assert_eq!(outcome.tally.failed, 0, "{:#?}", outcome.tally);
}
