//! Services that count lines and die when and as they are told, and what is told of how they did.

use crate::dice::Dice;
use crate::{Azora, Folder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Events looked at: those of several rounds.
const RECENT: &str = "1000";

/// As the definition and the files name it.
pub(crate) fn name(service: usize) -> String {
    format!("s{service:03}")
}

/// What belongs to a service lies beside its name in the folder.
pub(crate) fn file(folder: &Path, name: &str, end: &str) -> PathBuf {
    folder.join(format!("{name}.{end}"))
}

/// A cluster of so many, each alone under a lock of its own, with so many milliseconds between two
/// lines, and healed whenever they die.
pub(crate) fn definition(cluster: &str, services: usize, pace: u32, folder: &Path) -> String {
    let puppet = testkit::program("puppet");
    let puppet = puppet.display();
    let mut definition = format!(
        "[cluster]\nname = \"{cluster}\"\n[cluster.defaults]\n\
         heal = {{ ladder = [\"restart\"], budget = \"1000 per 1m\", backoff = [\"0s\"], circuit = false }}\n"
    );
    for name in (0..services).map(name) {
        let path = folder.join(&name);
        let path = path.display();
        definition.push_str(&format!(
            "[service.{name}]\n\
             run = [\"{puppet}\", \"sole\", \"{path}.sole\", \"count\", \"{path}\", \"{pace}\"]\n"
        ));
    }
    definition
}

/// Tells one to die, and answers how: "code 3", "signal 11".
pub(crate) fn tell_to_die(folder: &Path, name: &str, dice: &mut Dice) -> String {
    let how = match dice.below(3) {
        0 => format!("code {}", 1 + dice.below(100)),
        1 => "signal 11".to_owned(),
        _ => "signal 9".to_owned(),
    };
    // Never seen half written.
    let draft = file(folder, name, "die.new");
    std::fs::write(&draft, &how).expect("the folder can be written to");
    std::fs::rename(&draft, file(folder, name, "die")).expect("the folder can be written to");
    how
}

/// How instances ended, as the book of events has it.
pub(crate) fn told_by_events(
    azora: &Azora,
    folder: &Folder,
) -> BTreeMap<(String, u64), Vec<String>> {
    let mut told: BTreeMap<(String, u64), Vec<String>> = BTreeMap::new();
    let words = ["events", "--json", "--limit", RECENT];
    let done = azora.run(folder.path(), &words);
    let events: serde_json::Value = serde_json::from_str(&done.out).unwrap_or_default();
    for event in events.as_array().map_or(&[][..], Vec::as_slice) {
        let what = &event["what"];
        if what["kind"] != "exited" {
            continue;
        }
        let instance = what["instance"].as_str().unwrap_or_default();
        let service = instance.split('.').next().unwrap_or_default().to_owned();
        let generation = what["generation"].as_u64().unwrap_or(0);
        let status = &what["status"];
        let how = match (status["kind"].as_str(), status["value"].as_i64()) {
            (Some(kind), Some(number)) => format!("{kind} {number}"),
            _ => status.to_string(),
        };
        told.entry((service, generation)).or_default().push(how);
    }
    told
}
