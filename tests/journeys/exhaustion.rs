//! A machine that has run out of something: the engine stays steerable, services live, nothing is
//! lost, and all is well again by itself. `bench exhaustion` is the same for hours.

use tests::exhaustion::{By, Few, Report, disk, few};
use tests::small_disk::SmallDisk;
use tests::{Azora, Folder};

fn told(what: &str, report: Result<Report, String>) {
    match report {
        Ok(report) => {
            assert_eq!(report.faults, Vec::<String>::new(), "{what}: {report:#?}");
            assert!(report.put_off > 0, "{what} never ran out: {report:#?}");
        }
        Err(why) => println!("{what} is not tried here: {why}"),
    }
}

#[test]
fn on_a_full_disk_what_takes_load_away_works_and_the_rest_waits() {
    let azora = Azora::new();
    // The tenth cycle replaces the engine.
    told("a full disk", disk(&azora, 10, 7));
}

#[test]
fn without_descriptors_starts_are_delayed_and_nothing_is_given_up() {
    let azora = Azora::new();
    told("too few descriptors", few(&azora, Few::Descriptors, 1));
}

#[test]
fn without_processes_starts_are_delayed_and_nothing_is_given_up() {
    for by in [By::GroupV1, By::GroupV2] {
        let few = few(&Azora::new(), Few::Processes(by), 1);
        told(&format!("too few processes, {by:?}"), few);
    }
}

#[test]
fn a_user_who_may_have_no_more_processes_gets_them_later() {
    let few = few(&Azora::new(), Few::Processes(By::User), 1);
    told("too few processes of a user", few);
}

#[test]
fn a_first_start_on_a_full_disk_says_what_is_full_and_what_to_do() {
    let azora = Azora::new();
    let disk = match SmallDisk::over(azora.home().path(), 8) {
        Ok(disk) => disk,
        Err(why) => return println!("a first start on a full disk is not tried here: {why}"),
    };
    let folder = Folder::empty();
    folder.define("[cluster]\nname = \"full\"\n[service.one]\nrun = \"puppet hang\"\n");
    // So full that nothing can be made, and so full that a file can be made and not filled.
    for leave in [0, 4 << 10] {
        disk.fill(leave);
        for words in [
            &["serve", "--port", "0"][..],
            &["up", "--detach", "--trust"],
        ] {
            let done = azora.run(folder.path(), words);
            assert_eq!(done.code, 1, "{words:?}: {done:?}");
            let place = format!(
                "the disk that holds {} is full",
                azora.home().path().display()
            );
            assert!(done.err.contains(&place), "{words:?}: {done:?}");
            assert!(done.err.contains("KiB are free"), "{words:?}: {done:?}");
            assert!(done.err.contains("free some space"), "{words:?}: {done:?}");
        }
    }
    // And then it starts.
    disk.free();
    azora.up(folder.path());
}

/// The book has room for the act where the start has none: what serves goes on.
#[test]
fn a_restart_that_could_not_start_again_is_refused() {
    let azora = Azora::new();
    let disk = match SmallDisk::over(azora.home().path(), 12) {
        Ok(disk) => disk,
        Err(why) => return println!("a restart on a full disk is not tried here: {why}"),
    };
    let folder = Folder::with(tests::folder::SMALL);
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    for leave in [0, 4, 8, 12, 16, 20, 24, 32, 40] {
        disk.fill(leave << 10);
        let done = azora.run(folder.path(), &["restart", "web"]);
        assert_eq!(done.code, 1, "{leave} KiB: {done:?}");
        assert!(
            done.err.contains("free some space and ask again"),
            "{leave} KiB: {done:?}"
        );
        for (name, now) in &azora.instances(folder.path()) {
            assert!(now.serves(), "{leave} KiB: {name} is {}", now.state);
            assert_eq!(now.pid, before[name].pid, "{leave} KiB: {name}");
        }
        disk.free();
    }
    azora.ok(folder.path(), &["restart", "web"]);
    azora.until(folder.path(), "web.0", "another", |web| {
        web.serves() && web.pid != before["web.0"].pid
    });
}
