//! s6: one `s6-supervise` per service under `s6-svscan`. It waits a second before each restart.

use super::{Peer, scan_folder};
use crate::stage::Job;
use std::path::Path;
use std::process::Command;

pub(super) const PEER: Peer = Peer {
    name: "s6",
    waits: false,
    restarts: true,
    programs: &["s6-svscan", "s6-supervise"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    let scan = folder.join("scan");
    scan_folder(&scan, organ, jobs);
    let mut command = Command::new("s6-svscan");
    // It keeps no more than 500 unless it is told.
    command
        .arg("-c")
        .arg((jobs.len() + 10).to_string())
        .arg(scan);
    vec![command]
}
