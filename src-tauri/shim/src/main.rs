//! `azora-shim RUN_FOLDER [NONCE]`: the direct parent of one service instance.
//!
//! The driver starts it with one end of a socket pair as standard input. It reads the intent in
//! the folder, which must be the one with that nonce (a shim that comes late must not run what was
//! meant for the next one), makes the service, and from then on only keeps: the service's log (a
//! file, so nothing breaks when the shim or the engine dies), its exit status, its listening
//! sockets, its terminal if it wants one, and everything that descends from it, as their subreaper.
//! It depends on nothing of ours and needs no engine to live.
//!
//! It allocates while it starts and not afterwards, has one thread, and wakes only when something
//! happened, or to look at a log that is being written to.
//!
//! Exit codes: 0 done, 64 wrong usage, 66 no intent, 71 no disk, descriptors or memory for that, 73
//! no record or no word of signals, 75 another shim has this instance.
#![no_main]
#![expect(
    unsafe_code,
    reason = "a process keeper is made of system calls; each block says why it is sound"
)]

mod arena;
mod child;
mod keeper;
mod links;
mod memory;
mod notify;
mod sockets;
mod sys;
mod terminal;
mod timing;

use keeper::Keeper;
use shim::log::{Log, Wake};
use shim::{INTENT, Intent, Line, NO_ROOM, RECORD, Step, anchor, fail_point};
use sockets::Sockets;
use std::ffi::{CStr, c_char, c_int};
use timing::Timed;

#[global_allocator]
static ARENA: arena::Arena = arena::Arena::new();

/// The C entry point: the standard library's own would ignore SIGPIPE and install handlers that
/// the service would have to be rid of again.
///
/// # Safety
/// As the C library calls it: `argv` has `argc` zero-terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    if !(2..=3).contains(&argc) {
        return 64;
    }
    // SAFETY: argc says how many entries argv has, each a zero-terminated string.
    let (folder, nonce) = unsafe {
        let nonce = (argc == 3).then(|| CStr::from_ptr(*argv.add(2)));
        (CStr::from_ptr(*argv.add(1)), nonce)
    };
    match run(folder, nonce) {
        Ok(()) => 0,
        Err(code) => code,
    }
}

/// What failed just now failed for want of room, which the driver is to know; or for another reason.
fn no_room_or(code: c_int) -> c_int {
    match sys::errno() {
        libc::ENOSPC | libc::EDQUOT | libc::EMFILE | libc::ENFILE | libc::ENOMEM => NO_ROOM,
        _ => code,
    }
}

fn run(folder: &CStr, nonce: Option<&CStr>) -> Result<(), c_int> {
    sys::close_inherited();
    sys::settle();
    let score = memory::be_spared();
    let secrets = sys::read_stdout(shim::secrets::MAX).unwrap_or_default();
    let engine = sys::take_stdin();
    fail_point!("shim.begun");
    let folder_fd = sys::open_folder(folder).ok_or_else(|| no_room_or(66))?;
    let record = sys::open_append_at(folder_fd, RECORD).ok_or_else(|| no_room_or(73))?;
    if !sys::lock(record) {
        return Err(75);
    }
    fail_point!("shim.locked");

    let intent = sys::read_at(folder_fd, INTENT, shim::intent::MAX)
        .and_then(|bytes| Intent::decode(&String::from_utf8(bytes).ok()?).ok());
    let meant =
        |intent: &Intent| nonce.is_none_or(|nonce| nonce.to_bytes() == intent.nonce.as_bytes());
    if intent.as_ref().is_some_and(|intent| !meant(intent)) {
        return Err(66);
    }
    fail_point!("shim.read");
    let me = Line::Shim {
        pid: std::process::id(),
        start_ticks: sys::start_ticks(sys::own_pid()).unwrap_or(0),
        boot_id: anchor::boot_id().unwrap_or_default(),
        nonce: intent.as_ref().map(|i| i.nonce.clone()).unwrap_or_default(),
    };
    let generation = intent.as_ref().map_or(0, |intent| intent.generation);
    let failed = |step| Line::Failed {
        generation,
        errno: sys::errno(),
        step,
    };

    let mut links = links::Links::new(record, me);
    if let Some(engine) = engine {
        links.add(engine);
    }
    links.note_me();
    fail_point!("shim.noted");
    let Some(intent) = intent else {
        links.say(&failed(Step::Intent));
        return Err(66);
    };
    // All of them or none: a service without its password is another one.
    let secrets = shim::secrets::decode(&secrets).unwrap_or_default();
    let names = || secrets.iter().map(|(name, _)| *name);
    if !names().eq(intent.secrets.keys().map(String::as_str)) {
        links.say(&failed(Step::Intent));
        return Err(66);
    }
    // The engine sends them along before anything else.
    let sockets = engine.map_or(Some(Sockets::NONE), |engine| {
        Sockets::receive(engine, intent.listen.len())
    });
    let Some(sockets) = sockets.filter(|sockets| sockets.len() == intent.listen.len()) else {
        links.say(&failed(Step::Listen));
        return Err(66);
    };
    links.keep(sockets);
    if let Some(address) = &intent.notify {
        let user = intent.user.as_ref().map(|(user, ..)| *user);
        match notify::Notify::bind(address, user) {
            Some(notify) => links.hear(notify),
            None => {
                links.say(&failed(Step::Notify));
                return Err(no_room_or(66));
            }
        }
    }
    let Some(program) = child::Program::new(&intent, &secrets, sockets, score) else {
        links.say(&failed(Step::Log));
        return Err(66);
    };
    let Ok(log) = Log::open(&intent, Wake::Signal) else {
        links.say(&failed(Step::Log));
        return Err(66);
    };
    let signals = keeper::signals().ok_or_else(|| no_room_or(73))?;
    if !links.listen(folder_fd) {
        links.say(&failed(Step::Socket));
        return Err(73);
    }
    fail_point!("shim.listening");
    Keeper::new(program, Timed::new(log), links, generation, signals).keep();
    fail_point!("shim.leaving");
    sys::unlink_at(folder_fd, shim::SOCKET);
    fail_point!("shim.left");
    Ok(())
}
