//! Programs that outlive whoever started them: the engine in the background.

use crate::MARKS;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts a program in a session of its own, its output appended to `log`. Returns its pid.
///
/// # Errors
/// When the log cannot be opened or the program not executed.
pub fn spawn(
    program: &Path,
    args: &[OsString],
    env: &BTreeMap<OsString, OsString>,
    log: &Path,
) -> io::Result<u32> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)?;
    let mut command = Command::new(program);
    // Whoever is started from inside a service on purpose does not belong to it: an emergency stop
    // would end it too.
    command
        .args(args)
        .env_clear()
        .envs(
            env.iter()
                .filter(|(key, _)| !MARKS.iter().any(|mark| key.as_os_str() == *mark)),
        )
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    own_session(&mut command);
    // It is not waited for: either it outlives us, or we are short-lived.
    let child = command.spawn()?;
    Ok(child.id())
}

/// Descriptors that somebody passed to us unawares are not passed on. For use between fork and
/// exec; what is closed on exec anyway is left open until then.
#[expect(unsafe_code, reason = "there is no safe wrapper yet")]
pub(crate) fn keep_standard_only() {
    /// `CLOSE_RANGE_CLOEXEC` of linux/close_range.h.
    const ON_EXEC: libc::c_uint = 1 << 2;
    // SAFETY: takes numbers only. Before Linux 5.11 it fails and nothing changes.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, ON_EXEC) };
}

#[expect(unsafe_code, reason = "a session is made between fork and exec")]
pub(crate) fn own_session(command: &mut Command) {
    // SAFETY: two system calls, no memory.
    unsafe {
        command.pre_exec(|| {
            keep_standard_only();
            rustix::process::setsid()?;
            Ok(())
        });
    }
}
