//! runit: one `runsv` per service under `runsvdir`. After a life shorter than a second it waits one.

use super::{Peer, scan_folder};
use crate::stage::Job;
use std::path::Path;
use std::process::Command;

pub(super) const PEER: Peer = Peer {
    name: "runit",
    waits: false,
    programs: &["runsvdir", "runsv"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    let scan = folder.join("scan");
    scan_folder(&scan, organ, jobs);
    let mut command = Command::new("runsvdir");
    command.arg("-P").arg(scan);
    vec![command]
}
