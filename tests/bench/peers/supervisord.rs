//! supervisord, with every service restarted whatever its exit, and no wait before it counts as
//! running.

use super::{Peer, write};
use crate::stage::Job;
use std::path::Path;
use std::process::Command;

pub(super) const PEER: Peer = Peer {
    name: "supervisord",
    waits: false,
    restarts: true,
    programs: &["supervisord"],
    prepare,
};

fn prepare(folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
    let config = folder.join("supervisord.conf");
    let home = folder.display();
    let mut text = format!(
        "[supervisord]\nlogfile={home}/log\nloglevel=warn\npidfile={home}/pid\nchildlogdir={home}\n\
         minfds=16384\nminprocs=4096\nnodaemon=true\n"
    );
    for job in jobs {
        let words = crate::stage::command(organ, &job.name, job.port).join(" ");
        text += &format!(
            "[program:{}]\ncommand={words}\nautostart=true\nautorestart=true\nstartsecs=0\n\
             startretries=1000000\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
            job.name
        );
    }
    write(&config, &text);
    let mut command = Command::new("supervisord");
    command.arg("-n").arg("-c").arg(config);
    vec![command]
}
