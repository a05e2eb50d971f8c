//! Services that do not want to be ended, and an `emergency-stop` when nothing else works.

use serde_json::Value;
use std::collections::BTreeSet;
use tests::bad::Bad;
use tests::small_disk::SmallDisk;
use tests::zoo::{ANIMALS, Zoo};
use tests::{Azora, until};

struct Open {
    azora: Azora,
    zoo: Zoo,
}

impl Open {
    fn zoo(azora: Azora) -> Open {
        let puppet = testkit::program("puppet");
        let zoo = Zoo::up(&azora, ANIMALS, &puppet, ANIMALS.len(), None).expect("all of it");
        Open { azora, zoo }
    }

    fn left(&self) -> BTreeSet<u32> {
        self.zoo.living(&self.azora)
    }

    fn stopped_while(&self, name: &str, disk: Option<&SmallDisk>) {
        let puppet = testkit::program("puppet");
        let bad = Bad::bring(name, &self.azora, &puppet, disk).expect("it can be brought about");
        if name == "database locked" {
            let none = self.azora.run(self.zoo.folder.path(), &["up"]);
            assert_ne!(none.code, 0, "an engine started all the same: {none:?}");
            assert!(none.err.contains("locked"), "{none:?}");
        }
        let marked = self.left().len();
        assert!(
            marked >= self.zoo.processes + self.zoo.shims,
            "{name}: {marked} seen"
        );
        let words = ["emergency-stop", "--reason", name, "--json"];
        let done = self.azora.run(self.zoo.folder.path(), &words);
        let left = self.left();
        drop(bad);
        assert_eq!(left, BTreeSet::new(), "{name}: {done:?}");
        assert_eq!(done.code, 0, "{name}: {done:?}");
        let said: Value = serde_json::from_str(&done.out).expect("it says what it did");
        assert_eq!(said["left"], Value::Array(Vec::new()), "{said}");
        assert_eq!(said["unseen"], Value::Null, "{said}");
        // Who, why, and what was left; where there is room for it.
        match said["report"].as_str() {
            Some(report) => {
                let text = std::fs::read_to_string(report).expect("it is there");
                let reason = format!("reason: {name}");
                for line in ["by: cli", &reason, "left: 0"] {
                    assert!(
                        text.lines().any(|told| told.starts_with(line)),
                        "{line:?}: {text}"
                    );
                }
            }
            None => assert_eq!(name, "disk full", "{said}"),
        }
    }
}

/// By somebody else, the engine being dead: while it runs it is the engine that locks it.
#[test]
fn an_emergency_stop_ends_the_zoo_while_the_database_is_locked() {
    Open::zoo(Azora::new()).stopped_while("database locked", None);
}

#[test]
fn an_emergency_stop_ends_the_zoo_with_broken_rules_and_settings() {
    Open::zoo(Azora::new()).stopped_while("rules broken", None);
}

#[test]
fn an_emergency_stop_ends_the_zoo_while_the_engine_is_stopped() {
    Open::zoo(Azora::new()).stopped_while("engine stopped", None);
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
    let zoo = Open::zoo(azora);
    zoo.stopped_while("disk full", Some(&small));
    let engine = zoo.zoo.engine;
    tests::process::kill(engine);
    until("the engine to be gone", || {
        (!tests::process::lives(engine)).then_some(())
    });
    drop(small);
}

#[test]
fn down_ends_the_zoo() {
    let zoo = Open::zoo(Azora::new());
    zoo.azora.ok(zoo.zoo.folder.path(), &["down"]);
    assert_eq!(zoo.left(), BTreeSet::new());
}
