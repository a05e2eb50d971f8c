//! A rehearsal that takes long, and somebody who does not want to wait for it.

use super::{PATIENCE, Served, azora, folder_with, interruptible, signal, text};
use rustix::process::Signal;
use testkit::{Home, eventually};

/// Whether this process has a handler of its own for Ctrl-C.
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (Signal::INT.as_raw() - 1)) != 0)
}

#[test]
fn ctrl_c_ends_a_rehearsal_at_once_and_nothing_is_reported() {
    let home = Home::new();
    let shop =
        folder_with("[service.db]\nrun = \"db\"\n[service.api]\nrun = \"api\"\nneeds = [\"db\"]\n");
    let words = ["rehearse", text(shop.path()), "--faults", "100000"];
    let [out, err] = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    let mut command = interruptible(&azora(&home, &words));
    command
        .stdout(out.reopen().unwrap())
        .stderr(err.reopen().unwrap());
    let mut rehearsal = Served(command.spawn().unwrap());
    let pid = rehearsal.0.id();
    assert!(eventually(PATIENCE, || catches_interrupts(pid)));
    signal(&rehearsal.0, Signal::INT);
    assert_eq!(rehearsal.ended(), Some(130));
    let said = |file: &tempfile::NamedTempFile| std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(said(&out), "");
    assert_eq!(said(&err), "azora: interrupted, so there is no report\n");
}
