//! The words between the driver and `azora-shim`: the intent, the record, the control lines and
//! the files beside the log.
//!
//! Everything is lines of text with a version on the first one, so that a person can read what was
//! wanted and what happened with `cat`, and so that a newer engine can adopt an older shim.
//!
//! In an instance's run folder there are
//!
//! - `intent`: written by the driver **before** anything is forked, whole or not at all. Nobody waits
//!   for the disk: with a crash of the machine goes all that runs, and an intent of another boot is
//!   heeded no more than none,
//! - `record`: appended by the shim, one write a line, whole or not at all. What was written outlives
//!   every process at once, and a crash of the machine within 50 ms: it is synced that long after the
//!   first line that was not. The shim holds an exclusive `flock` on it for as long as it lives, so
//!   that two shims can never run one instance,
//! - `ctl.sock`: the shim listens; the same lines go out, commands come in. With its greeting go
//!   duplicates of the listening sockets it keeps for its service, so that the next engine has them.
//!
//! Beside the `log` there are `log.idx`, its times, and `log.runs`, where its starts began.
//!
//! Beside the shim there is `azora-relay`, which passes connections of containers on to processes; its two
//! files are in [`forwards`].
//!
//! This library reads and writes those forms. It opens nothing but the two files of `/proc` that say
//! who a process is, in [`log`] the three that it keeps, and in [`forwards`] those two. [`failpoint`] is for tests and not there
//! in a release build.

pub mod anchor;
pub mod failpoint;
pub mod forwards;
pub mod index;
pub mod intent;
pub mod kills;
pub mod line;
pub mod log;
pub mod runs;
pub mod secrets;
pub mod trouble;

pub use intent::{Intent, IntentError, Listen, Resource};
pub use line::{Command, End, Line, OutOfMemory, Step, Told};

/// Version of all forms here. Written on the first line of an intent and of each shim's record.
pub const VERSION: u32 = 1;

/// Name of the intent within the run folder.
pub const INTENT: &str = "intent";
/// Name of the record within the run folder.
pub const RECORD: &str = "record";
/// Name of the control socket within the run folder.
pub const SOCKET: &str = "ctl.sock";

/// Exit code of a shim that came to nothing because disk, descriptors or memory had run out.
pub const NO_ROOM: i32 = 71;

/// Environment variable that every process of a shim carries unless it erases it: the shim's
/// random number. A foreign one disproves, an absent one proves nothing.
pub const ENV_NONCE: &str = "AZORA_NONCE";
/// Environment variable with [`home_id`].
pub const ENV_HOME_ID: &str = "AZORA_HOME_ID";
/// Environment variable with the cluster's id.
pub const ENV_CLUSTER: &str = "AZORA_CLUSTER";
/// Environment variable with the instance's id.
pub const ENV_INSTANCE: &str = "AZORA_INSTANCE";

/// The short name of a home: 16 hex digits of FNV-1a over its path. Used where a path is too long
/// or too private: names of control groups, environments of services.
pub fn home_id(home: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let hash = home
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_id_is_the_published_fnv() {
        // FNV-1a 64 test vectors of Noll's reference.
        assert_eq!(home_id("".as_ref()), "cbf29ce484222325");
        assert_eq!(home_id("foobar".as_ref()), "85944171f73967e8");
    }
}
