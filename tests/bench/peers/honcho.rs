//! honcho, which runs what a `Procfile` says and ends when one of it does.

use super::{Peer, write};
use crate::stage::{Job, procfile};
use std::path::Path;
use std::process::Command;

pub(super) const PEER: Peer = Peer {
    name: "honcho",
    waits: false,
    restarts: false,
    programs: &["honcho"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    write(&folder.join("Procfile"), &procfile(organ, jobs));
    let mut command = Command::new("honcho");
    command.arg("start");
    vec![command]
}
