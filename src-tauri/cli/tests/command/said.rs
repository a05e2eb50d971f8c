//! What orders answer: of whom they were, and that nothing was to be done; and of which cluster questions are.

use super::{Served, folder_with, run, text};
use testkit::Home;

#[test]
fn an_order_says_what_it_did_and_that_it_did_nothing() {
    let home = Home::new();
    let _engine = Served::start(&home, &["serve"]);
    let shop = folder_with(
        "[service.well]\nrun = \"sleep 600\"\n\
         [service.off]\nrun = \"exit 3\"\nheal = { enabled = false }\n\
         [service.away]\nrun = \"test -e mended && exec sleep 600; exit 4\"\n\
         heal = { budget = \"1 per 10m\", backoff = [\"0s\"] }\n",
    );
    let at = ["-C", text(shop.path())];
    let said = |words: &[&str]| {
        let done = run(&home, &[words, &at[..]].concat());
        (done.code, format!("{}{}", done.out, done.err))
    };
    let up = run(&home, &["up", text(shop.path()), "--detach", "--yes"]);
    assert_eq!(up.code, Some(1), "{}", up.err);
    for (words, code, part) in [
        (
            &["release", "well"][..],
            0,
            "well is not in quarantine: nothing to release",
        ),
        (
            &["release", "off"],
            1,
            "off is not in quarantine: nothing to release; it is failing: exited with code 3",
        ),
        (&["unhold"], 0, "healing was not held for cluster"),
        (&["hold", "well", "well"], 0, "healing is held for well; "),
        (&["unhold", "well"], 0, "healing goes on for well"),
        (&["unhold", "well"], 0, "healing was not held for well"),
        (&["hold"], 0, "healing is held for cluster"),
        (&["unhold", "well"], 1, "healing is still held for well"),
        (&["unhold"], 0, "healing goes on for cluster"),
        (&["restart", "well"], 0, "restart well: 1 ready ("),
    ] {
        let (done, all) = said(words);
        assert_eq!(done, Some(code), "{words:?}: {all}");
        assert!(all.contains(part), "{words:?}: {all}");
    }
    // `up` leaves in quarantine what was not edited, and says how it gets out.
    let (done, all) = said(&["up", "--detach", "--yes"]);
    assert_eq!(done, Some(1), "{all}");
    assert!(all.contains("`azora release away` tries again"), "{all}");
    std::fs::write(shop.path().join("mended"), "").unwrap();
    let (done, all) = said(&["release", "away"]);
    assert_eq!(done, Some(0), "{all}");
    assert!(all.starts_with("release away: 1 ready ("), "{all}");
    said(&["down"]);
}

#[test]
fn what_has_failed_is_told_of_the_folders_cluster_alone() {
    let home = Home::new();
    let _engine = Served::start(&home, &["serve"]);
    let shop =
        folder_with("[service.db]\nrun = \"exit 1\"\nheal = { backoff = [\"0s\", \"60s\"] }\n");
    let other = folder_with("[service.idle]\nrun = \"sleep 600\"\n");
    for folder in [&shop, &other] {
        run(&home, &["up", text(folder.path()), "--detach", "--yes"]);
    }
    let said = |words: &[&str]| run(&home, words).out;
    let (here, there) = (text(shop.path()), text(other.path()));
    let listed = said(&["incidents", "-C", here]);
    let row = listed.lines().find(|line| line.contains(" open ")).unwrap();
    assert!(row.contains(" db.0 "), "{listed}");
    assert!(said(&["incidents", "-C", there]).starts_with("no incidents in "));
    assert!(said(&["incidents", "-C", there, "--all"]).contains("/db.0"));
    assert!(said(&["incidents", "-C", home.path().to_str().unwrap()]).contains("/db.0"));
    assert!(said(&["healed", "-C", here]).contains("1 goes on"));
    assert!(said(&["healed", "-C", there]).starts_with("nothing failed in "));
    assert!(said(&["healed", "-C", there, "-a"]).contains("1 goes on"));
    for folder in [here, there] {
        run(&home, &["down", "-C", folder]);
    }
}
