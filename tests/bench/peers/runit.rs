//! runit: one `runsv` per service under `runsvdir`. After a life shorter than a second it waits one.

use super::{Peer, scan_folder};
use crate::stage::Job;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

pub(super) const PEER: Peer = Peer {
    name: "runit",
    waits: false,
    restarts: true,
    programs: &["runsvdir", "runsv"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    let scan = folder.join("scan");
    scan_folder(&scan, organ, jobs);
    // It puts off a folder that has changed in the current second, which no real start does.
    let earlier = SystemTime::now() - Duration::from_secs(10);
    let folder = File::open(&scan).expect("the folder was just made");
    folder.set_modified(earlier).expect("it is ours");
    let mut command = Command::new("runsvdir");
    command.arg("-P").arg(scan);
    vec![command]
}
