//! Other supervisors, as their manuals say they are set up to restart at once.
//!
//! Each is one file: what its configuration looks like and how it is started. What is not
//! installed is said and left out; nothing is installed from here.

mod honcho;
mod pitchfork;
mod pm2;
mod runit;
mod s6;
mod supervisord;

use crate::stage::Job;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// One of them.
pub(crate) struct Peer {
    /// Its name.
    pub(crate) name: &'static str,
    /// It can wait until one service is ready before it starts another.
    pub(crate) waits: bool,
    /// It starts again what has ended.
    pub(crate) restarts: bool,
    /// Programs it consists of; it is installed when all of them are on the PATH.
    programs: &'static [&'static str],
    /// Writes its configuration into a folder; answers the commands that start it, in their order.
    prepare: fn(&Path, &Path, &[Job]) -> Vec<Command>,
}

const PEERS: [&Peer; 6] = [
    &runit::PEER,
    &s6::PEER,
    &supervisord::PEER,
    &pm2::PEER,
    &pitchfork::PEER,
    &honcho::PEER,
];

impl Peer {
    /// See the field.
    pub(crate) fn prepare(&self, folder: &Path, organ: &Path, jobs: &[Job]) -> Vec<Command> {
        (self.prepare)(folder, organ, jobs)
    }
}

/// Those of `all`, `none` or `a,b` that are installed; says of the others that they are not.
pub(crate) fn chosen(names: &str) -> Result<Vec<&'static Peer>, String> {
    let named: Vec<&str> = match names {
        "none" => vec![],
        "all" => PEERS.iter().map(|peer| peer.name).collect(),
        names => names.split(',').collect(),
    };
    let mut chosen = Vec::new();
    for name in named {
        let peer = PEERS.iter().find(|peer| peer.name == name);
        let peer = peer.ok_or_else(|| format!("{name} is no supervisor that is known here"))?;
        match peer.programs.iter().find(|program| !installed(program)) {
            None => chosen.push(*peer),
            Some(program) => eprintln!("bench: {name} is left out: {program} is not installed"),
        }
    }
    Ok(chosen)
}

pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Writes a file, with the folders above it.
fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).expect("the scratch folder can be written to");
    fs::write(path, text).expect("the scratch folder can be written to");
}

/// The same, as a program.
fn write_program(path: &Path, text: &str) {
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// A folder of folders, each with a `run` script: what the daemontools family runs.
fn scan_folder(folder: &Path, organ: &Path, jobs: &[Job]) {
    for job in jobs {
        let words = crate::stage::command(organ, &job.name, job.port).join(" ");
        write_program(
            &folder.join(&job.name).join("run"),
            &format!("#!/bin/sh\nexec {words} >/dev/null 2>&1\n"),
        );
    }
}

#[cfg(test)]
mod choosing {
    use super::*;

    #[test]
    fn peers_are_chosen_by_name_and_strangers_refused() {
        assert!(chosen("none").is_ok_and(|peers| peers.is_empty()));
        assert!(chosen("runit,nobody").is_err_and(|wrong| wrong.contains("nobody")));
        assert!(installed("sh") && !installed("no-such-program"));
    }
}
