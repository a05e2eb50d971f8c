//! pm2 in fork mode, without a delay before restarts.

use super::{Peer, write};
use crate::stage::Job;
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub(super) const PEER: Peer = Peer {
    name: "pm2",
    waits: false,
    restarts: true,
    programs: &["pm2", "node"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    let apps: Vec<_> = jobs
        .iter()
        .map(|job| {
            let [program, arguments @ ..] = crate::stage::command(organ, &job.name, job.port);
            json!({
                "name": job.name, "script": program, "args": arguments,
                "interpreter": "none", "exec_mode": "fork",
                "autorestart": true, "restart_delay": 0, "min_uptime": 0, "max_restarts": 1_000_000,
                "vizion": false, "pmx": false, "automation": false,
                "out_file": "/dev/null", "error_file": "/dev/null", "merge_logs": true,
            })
        })
        .collect();
    let config = folder.join("ecosystem.config.js");
    write(
        &config,
        &format!("module.exports = {}", json!({ "apps": apps })),
    );
    let mut command = Command::new("pm2");
    command
        .arg("start")
        .arg(config)
        .env("PM2_HOME", folder.join("pm2"))
        .env("PM2_DISCRETE_MODE", "true")
        .env("PM2_CONCURRENT_ACTIONS", "16");
    vec![command]
}
