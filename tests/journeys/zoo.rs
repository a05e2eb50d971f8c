//! Services that do not want to be ended, and an `emergency-stop` when nothing else works.

use serde_json::Value;
use std::collections::BTreeSet;
use tests::bad::Bad;
use tests::small_disk::SmallDisk;
use tests::zoo::{self, ANIMALS};
use tests::{Azora, Folder, until};

struct Zoo {
    azora: Azora,
    folder: Folder,
    mark: String,
    processes: usize,
    engine: u32,
}

impl Zoo {
    fn open(azora: Azora) -> Zoo {
        let mark = format!("zoo-{}", azora.home().id());
        let puppet = testkit::program("puppet");
        let (definition, processes) = zoo::definition(&puppet, ANIMALS.len(), &mark, None);
        let folder = Folder::with(&definition);
        azora.up(folder.path());
        let engine = azora.engine();
        let zoo = Zoo {
            azora,
            folder,
            mark,
            processes,
            engine,
        };
        // And a shim for each.
        let all = processes + ANIMALS.len();
        until("the whole zoo", || (zoo.left().len() >= all).then_some(()));
        zoo
    }

    fn left(&self) -> BTreeSet<u32> {
        let home = self.azora.home();
        let mut left = zoo::survivors(&self.mark, home.path(), &home.id());
        left.remove(&self.engine);
        left
    }

    fn stopped_while(&self, name: &str, disk: Option<&SmallDisk>) {
        let puppet = testkit::program("puppet");
        let bad = Bad::bring(name, &self.azora, &puppet, disk).expect("it can be brought about");
        if name == "database locked" {
            let none = self.azora.run(self.folder.path(), &["up"]);
            assert_ne!(none.code, 0, "an engine started all the same: {none:?}");
            assert!(none.err.contains("locked"), "{none:?}");
        }
        let shims = ANIMALS.len();
        let marked = self.left().len();
        assert!(marked >= self.processes + shims, "{name}: {marked} seen");
        let words = ["emergency-stop", "--reason", name, "--json"];
        let done = self.azora.run(self.folder.path(), &words);
        let left = self.left();
        drop(bad);
        assert_eq!(left, BTreeSet::new(), "{name}: {done:?}");
        assert_eq!(done.code, 0, "{name}: {done:?}");
        let said: Value = serde_json::from_str(&done.out).expect("it says what it did");
        assert_eq!(said["left"], Value::Array(Vec::new()), "{said}");
        assert_eq!(said["unseen"], Value::Null, "{said}");
    }
}

/// By somebody else, the engine being dead: while it runs it is the engine that locks it.
#[test]
fn an_emergency_stop_ends_the_zoo_while_the_database_is_locked() {
    Zoo::open(Azora::new()).stopped_while("database locked", None);
}

/// The policy file is not built yet; this is the file of settings that there is.
#[test]
fn an_emergency_stop_ends_the_zoo_with_broken_settings() {
    Zoo::open(Azora::new()).stopped_while("settings broken", None);
}

#[test]
fn an_emergency_stop_ends_the_zoo_while_the_engine_is_stopped() {
    Zoo::open(Azora::new()).stopped_while("engine stopped", None);
}

#[test]
fn an_emergency_stop_ends_the_zoo_on_a_full_disk() {
    let azora = Azora::new();
    let small = match SmallDisk::over(azora.home().path(), 256) {
        Ok(small) => small,
        Err(why) => {
            println!("not tested on a full disk: {why}");
            return;
        }
    };
    let zoo = Zoo::open(azora);
    zoo.stopped_while("disk full", Some(&small));
    tests::process::kill(zoo.engine);
    until("the engine to be gone", || {
        (!tests::process::lives(zoo.engine)).then_some(())
    });
    drop(small);
}

#[test]
fn down_ends_the_zoo() {
    let zoo = Zoo::open(Azora::new());
    zoo.azora.ok(zoo.folder.path(), &["down"]);
    assert_eq!(zoo.left(), BTreeSet::new());
}
