//! `organ`, the tiny HTTP service of the demo cluster: it answers `/health`, calls what it needs every
//! second, and misbehaves on request.
//!
//! Started by Azora like any service and as ignorant of it as any service. One process of some tens of
//! kilobytes: a single thread around `poll`, no runtime, no allocation while it is idle. It listens on
//! 127.0.0.1 only, and refuses requests that a web page sends (those with an `Origin`). Sockets that it is
//! handed (`LISTEN_FDS`) it takes instead of binding `PORT`. Asked to stop, it accepts nobody any more and
//! answers those it has.
//!
//! ```text
//! organ --name NAME --port PORT [--call URL]... [--ignore-term] [--double-fork]
//! GET  /health     200 {"status":"pass", ...}
//! POST /misbehave?mode=crash|hang|slow|error|leak|flood|fork|ignore-term|ok   &ms= &code= &kb= &lines=
//! ```

#![cfg_attr(not(test), no_main)]
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod args;
mod asked;
mod body;
mod calls;
mod mischief;
mod say;
mod signals;
mod sockets;

use args::Args;
use body::Organ;
use say::say;

/// Exit code when the port is taken: the number of EADDRINUSE, so that it can be told from any other.
const PORT_TAKEN: i32 = 98;
/// Exit code for arguments that make no sense (`EX_USAGE`).
const USAGE: i32 = 64;

/// Entered from C: Rust's own start would set up a signal stack and thread data that no one needs here.
/// The arguments come this way too, because the standard library learns them by itself with some C
/// libraries only.
///
/// # Safety
/// As the C library calls it: `argv` has `argc` zero-terminated strings.
#[cfg(not(test))]
#[expect(unsafe_code, reason = "the C runtime finds main by its name")]
// SAFETY: no other symbol of this program is called main.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(
    argc: std::ffi::c_int,
    argv: *const *const std::ffi::c_char,
) -> std::ffi::c_int {
    let argument = |at| {
        // SAFETY: argc says how many entries argv has, each a zero-terminated string.
        let text = unsafe { std::ffi::CStr::from_ptr(*argv.add(at)) };
        text.to_string_lossy().into_owned()
    };
    run((1..usize::try_from(argc).unwrap_or(0)).map(argument))
}

/// The exit code.
#[cfg_attr(
    test,
    expect(dead_code, reason = "the test harness has a main of its own")
)]
fn run(args: impl Iterator<Item = String>) -> i32 {
    let args = match Args::read(args) {
        Ok(args) => args,
        Err(wrong) => {
            say!(err, "organ: {wrong}");
            return USAGE;
        }
    };
    let listeners = match sockets::listening(args.port) {
        Ok(listeners) => listeners,
        Err(error) => {
            say!(
                err,
                "{}: failed to listen on 127.0.0.1:{}: {error}",
                args.name,
                args.port
            );
            let taken = error.kind() == std::io::ErrorKind::AddrInUse;
            return if taken { PORT_TAKEN } else { 1 };
        }
    };
    match Organ::new(args, listeners).and_then(|mut organ| organ.live()) {
        Ok(code) => code,
        Err(error) => {
            say!(err, "organ: failed to go on: {error}");
            1
        }
    }
}
