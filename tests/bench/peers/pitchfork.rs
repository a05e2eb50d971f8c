//! pitchfork, told to look every 10 ms instead of every 10 s, and so often for readiness.

use super::{Peer, write};
use crate::stage::Job;
use std::path::Path;
use std::process::Command;

pub(super) const PEER: Peer = Peer {
    name: "pitchfork",
    waits: true,
    restarts: true,
    programs: &["pitchfork"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    let layered = jobs.iter().any(|job| !job.needs.is_empty());
    let mut text = String::new();
    for Job { name, port, needs } in jobs {
        let run = crate::stage::command(organ, name, *port);
        text += &format!("[daemons.{name}]\nrun = {run:?}\nretry = true\n");
        text += &match layered {
            true => {
                format!("ready_http = \"http://127.0.0.1:{port}/health\"\ndepends = {needs:?}\n")
            }
            false => "ready_delay = 0\n".to_owned(),
        };
    }
    write(&folder.join("pitchfork.toml"), &text);
    [&["supervisor", "run"][..], &["start", "--all", "-q"]]
        .map(|words| {
            let mut command = Command::new("pitchfork");
            command
                .args(words)
                .env("HOME", folder)
                .env("PITCHFORK_INTERVAL", "10ms")
                .env("PITCHFORK_READY_CHECK_INTERVAL", "10ms")
                .env("PITCHFORK_STATE_DIR", folder.join("state"))
                .env("PITCHFORK_LOGS_DIR", folder.join("state/logs"))
                .env("PITCHFORK_LOG", "warn")
                .env("XDG_CONFIG_HOME", folder.join("config"))
                .env("XDG_STATE_HOME", folder.join("xdg-state"))
                .env("XDG_RUNTIME_DIR", folder.join("run"));
            command
        })
        .into()
}
