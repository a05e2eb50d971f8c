//! Who hears what happened: the record first, then everyone who is connected.

use crate::notify::{Notify, Word};
use crate::sockets::Sockets;
use crate::sys::{self, Fd, Text};
use shim::line::MAX_COMMAND;
use shim::{Command, Line, fail_point};
use std::ffi::c_int;
use std::fmt::Write as _;

/// Engines at once: the one that holds the home, one that takes over, and room for tools.
const MAX_CLIENTS: usize = 4;

/// Over this the record begins anew with the next start: only the newest start matters.
const RECORD_MAX: u64 = 256 * 1024;

/// Set aside on the disk for what comes next on record, some hundred lines, in bytes: a full disk is not
/// to cost the exit status.
const ROOM: u64 = 16 * 1024;

/// What is on record becomes durable within this time, in milliseconds. What a crash of the
/// machine must not take is how a service ended; the end of any process, this one included, takes
/// nothing. So a start goes first, and the disk is waited for after it.
const SYNC_WITHIN: u64 = 50;

/// So long nobody's connection is taken after there was no descriptor for one, in milliseconds: it
/// would be tried without pause. Who connects waits in the queue.
const PAUSE: u64 = 100;

#[derive(Clone, Copy)]
struct Client {
    fd: Fd,
    /// An unfinished command.
    text: [u8; MAX_COMMAND],
    used: usize,
}

/// The record, the listening socket and the connections.
pub(crate) struct Links {
    record: Fd,
    /// Length of the record: only this process writes to it.
    size: u64,
    /// The disk has room for it up to here.
    room_to: u64,
    listener: Fd,
    /// When connections are taken again, while they are not.
    listen_at: Option<u64>,
    clients: [Option<Client>; MAX_CLIENTS],
    me: Line,
    /// What a new connection is told after the greeting.
    latest: Option<Line>,
    gone: bool,
    /// Duplicates of them go with the greeting.
    sockets: Sockets,
    /// When the record is to be made durable, as long as it is not.
    sync_at: Option<u64>,
    /// Where the service says how it is.
    notify: Option<Notify>,
}

impl Links {
    /// Takes a record over, which nobody else has.
    pub(crate) fn new(record: Fd, me: Line) -> Links {
        let mut links = Links {
            record,
            size: sys::size(record),
            room_to: 0,
            listener: -1,
            listen_at: None,
            clients: [None; MAX_CLIENTS],
            me,
            latest: None,
            gone: false,
            sockets: Sockets::NONE,
            sync_at: None,
            notify: None,
        };
        links.reserve();
        links.end_last_line();
        links
    }

    /// A line that an earlier shim was cut off in is not to take the next one with it.
    fn end_last_line(&mut self) {
        let mut last = [b'\n'];
        if let Some(at) = self.size.checked_sub(1)
            && sys::read_from(self.record, &mut last, at).is_some()
            && last != [b'\n']
        {
            self.put(b"\n");
        }
    }

    /// Sees to it that what comes next has room on the disk.
    fn reserve(&mut self) {
        if self.size + ROOM / 2 > self.room_to && sys::reserve(self.record, self.size, ROOM) {
            self.room_to = self.size + ROOM;
        }
    }

    /// From now on who connects gets duplicates of these.
    pub(crate) fn keep(&mut self, sockets: Sockets) {
        self.sockets = sockets;
    }

    /// From now on the service is heard.
    pub(crate) fn hear(&mut self, notify: Notify) {
        self.notify = Some(notify);
    }

    /// Where the service is heard.
    pub(crate) fn notify_fd(&self) -> Fd {
        self.notify.as_ref().map_or(-1, |notify| notify.fd)
    }

    /// Another start begins, and nothing was said by it.
    pub(crate) fn begin_hearing(&mut self) {
        if let Some(notify) = &mut self.notify {
            notify.begin();
        }
    }

    /// Passes on what the service has said.
    pub(crate) fn pass_on(&mut self, now: u64) {
        let Some(mut notify) = self.notify.take() else {
            return;
        };
        notify.hear(|word, first| {
            let Some(text) = told(now, word) else {
                return;
            };
            if first && matches!(word, Word::Ready) {
                // Should this process be killed, the next engine reads it there.
                self.put(text.bytes());
                self.sync_soon();
            }
            self.broadcast_text(text.bytes());
        });
        self.notify = Some(notify);
    }

    /// Tells what the service said faster than it was to be told, as far as it still holds.
    pub(crate) fn tell_held_back(&mut self, generation: u64) {
        let Some(mut notify) = self.notify.take() else {
            return;
        };
        if notify.let_go() {
            notify.known(|word| {
                if let Some(text) = told(generation, word) {
                    self.broadcast_text(text.bytes());
                }
            });
        }
        self.notify = Some(notify);
    }

    /// Binds the control socket within the run folder and listens.
    pub(crate) fn listen(&mut self, folder: Fd) -> bool {
        // The lock on the record says that no living shim listens here.
        sys::unlink_at(folder, shim::SOCKET);
        // SAFETY: the address is plain bytes, for which zero is valid, filled within its bounds;
        // all other arguments are numbers.
        unsafe {
            let mut address: libc::sockaddr_un = std::mem::zeroed();
            address.sun_family = libc::AF_UNIX as libc::sa_family_t;
            // A path through the open folder: socket addresses have 108 bytes, homes may be deep.
            let mut path = Text::<64>::new();
            if write!(path, "/proc/self/fd/{folder}/{}", shim::SOCKET).is_err() {
                return false;
            }
            for (place, byte) in address.sun_path.iter_mut().zip(path.bytes()) {
                *place = *byte as libc::c_char;
            }
            let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            self.listener = libc::socket(libc::AF_UNIX, kind, 0);
            let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
            let mask = libc::umask(0o177);
            let bound = libc::bind(self.listener, (&raw const address).cast(), length) == 0;
            libc::umask(mask);
            bound && libc::listen(self.listener, MAX_CLIENTS as i32) == 0
        }
    }

    /// Fills in what to wait for: the listener, then the clients in their places.
    pub(crate) fn poll_fds(&mut self, places: &mut [libc::pollfd]) -> usize {
        self.listen_at = self.listen_at.filter(|at| *at > sys::monotonic());
        places[0].fd = match self.listen_at {
            None => self.listener,
            Some(_) => -1,
        };
        for (place, client) in places[1..].iter_mut().zip(&self.clients) {
            place.fd = client.map_or(-1, |client| client.fd);
        }
        1 + MAX_CLIENTS
    }

    /// True when somebody is connected.
    pub(crate) fn heard(&self) -> bool {
        self.clients.iter().any(Option::is_some)
    }

    /// Takes a connection that is waiting, if it is the same user's (or root's).
    pub(crate) fn accept(&mut self) {
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no address is asked for, so both pointers may be null.
        let fd = unsafe {
            libc::accept4(
                self.listener,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                flags,
            )
        };
        if fd < 0 {
            if let libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM = sys::errno() {
                self.listen_at = Some(sys::monotonic() + PAUSE);
            }
            return;
        }
        // SAFETY: cred and length are valid places of the size told; geteuid cannot fail.
        let allowed = unsafe {
            let mut cred: libc::ucred = std::mem::zeroed();
            let mut length = size_of::<libc::ucred>() as libc::socklen_t;
            libc::getsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut cred).cast(),
                &raw mut length,
            ) == 0
                && (cred.uid == 0 || cred.uid == libc::geteuid())
        };
        if allowed {
            fail_point!("link.accepted");
            self.add(fd);
            fail_point!("link.greeted");
        } else {
            sys::close(fd)
        }
    }

    /// Greets a new connection and keeps it, if there is room.
    pub(crate) fn add(&mut self, fd: Fd) {
        let Some(place) = self.clients.iter_mut().find(|place| place.is_none()) else {
            sys::close(fd);
            return;
        };
        *place = Some(Client {
            fd,
            text: [0; MAX_COMMAND],
            used: 0,
        });
        let mut greeting = Text::<256>::new();
        if writeln!(greeting, "{}", self.me).is_ok() {
            self.sockets.send(fd, greeting.bytes());
        }
        if let Some(latest) = &self.latest {
            send(fd, &[latest]);
            if self.gone
                && let Some(generation) = generation(latest)
            {
                send(fd, &[&Line::Gone { generation }]);
            } else if let (Some(notify), Some(generation)) = (&self.notify, generation(latest)) {
                notify.known(|word| {
                    if let Some(text) = told(generation, word) {
                        sys::send(fd, text.bytes());
                    }
                });
            }
        }
    }

    /// Puts the greeting on record.
    pub(crate) fn note_me(&mut self) {
        if let Some(text) = text(&[&self.me]) {
            self.put(text.bytes());
        }
        self.sync_soon();
    }

    /// Puts a line on record without telling anyone yet.
    pub(crate) fn note(&mut self, line: &Line) {
        self.append(line);
    }

    /// Tells everyone a line that is on record, and makes the record durable soon: whoever listens
    /// need not wait for the disk, because the line already outlives this process.
    pub(crate) fn tell(&mut self, line: Line) {
        self.broadcast(&line);
        self.gone = false;
        self.latest = Some(line);
        fail_point!("line.told");
        self.sync_soon();
    }

    fn sync_soon(&mut self) {
        self.sync_at
            .get_or_insert_with(|| sys::monotonic() + SYNC_WITHIN);
    }

    /// Milliseconds until [`Links::sync_if_due`] has something to do or connections are taken again;
    /// `None` when neither is to come.
    pub(crate) fn within(&self) -> Option<c_int> {
        let at = self.sync_at.into_iter().chain(self.listen_at).min();
        let left = at.map(|at| at.saturating_sub(sys::monotonic()));
        let held_back = self.notify.as_ref().and_then(Notify::within);
        let left = left.into_iter().chain(held_back).min()?;
        Some(c_int::try_from(left).unwrap_or(0))
    }

    /// Makes the record durable when it is time.
    pub(crate) fn sync_if_due(&mut self) {
        if self.sync_at.is_some_and(|at| at <= sys::monotonic()) {
            self.sync();
        }
    }

    /// Makes the record durable.
    pub(crate) fn sync(&mut self) {
        if self.sync_at.take().is_some() {
            sys::sync(self.record);
        }
    }

    /// Records and tells.
    pub(crate) fn say(&mut self, line: &Line) {
        self.append(line);
        fail_point!("line.recorded");
        self.tell(line.clone());
    }

    /// Tells that nothing is left of a generation, in one piece with what is still to be told before
    /// it: who hears the end need not look then for what it has left.
    pub(crate) fn say_gone(&mut self, generation: u64, before: Option<Line>) {
        let gone = Line::Gone { generation };
        let Some(before) = before else {
            self.gone = true;
            return self.broadcast(&gone);
        };
        self.tell_all(&[&before, &gone]);
        self.gone = true;
        self.latest = Some(before);
        self.sync_soon();
    }

    /// Makes room for what another start puts on record. One that has grown long begins anew, so only
    /// while nothing runs.
    pub(crate) fn make_room(&mut self) {
        // What it was when this shim came is known; since then a line may have come from elsewhere.
        if self.latest.is_some() {
            self.size = sys::size(self.record);
        }
        if self.size > RECORD_MAX {
            sys::cut(self.record, 0);
            fail_point!("record.emptied");
            (self.size, self.room_to) = (0, 0);
            self.reserve();
            self.note_me();
        } else {
            self.reserve();
        }
    }

    /// Reads what one client has sent; [`Links::command`] hands it out.
    pub(crate) fn read(&mut self, at: usize) {
        let Some(client) = self.clients.get_mut(at).and_then(Option::as_mut) else {
            return;
        };
        let space = &mut client.text[client.used..];
        match sys::read(client.fd, space) {
            Some(read @ 1..) => client.used += read,
            None if sys::errno() == libc::EAGAIN => {}
            // The end, an error, or a line longer than any command.
            _ => self.drop_client(at),
        }
    }

    /// The next whole command of a client. What is not a command is skipped.
    pub(crate) fn command(&mut self, at: usize) -> Option<Command> {
        let client = self.clients.get_mut(at)?.as_mut()?;
        while let Some(end) = client.text[..client.used].iter().position(|b| *b == b'\n') {
            let command = std::str::from_utf8(&client.text[..end])
                .ok()
                .and_then(Command::parse);
            client.text.copy_within(end + 1..client.used, 0);
            client.used -= end + 1;
            if command.is_some() {
                return command;
            }
        }
        None
    }

    /// Answers who asked for the terminal: with a duplicate of its master end, if there is one.
    pub(crate) fn lend(&mut self, at: usize, generation: u64, terminal: Option<Fd>) {
        if let (Some(client), Some(answer)) =
            (self.clients[at], text(&[&Line::Terminal { generation }]))
        {
            let lent = terminal.map_or(Sockets::NONE, Sockets::one);
            lent.send(client.fd, answer.bytes());
        }
    }

    fn drop_client(&mut self, at: usize) {
        if let Some(client) = self.clients[at].take() {
            sys::close(client.fd);
        }
    }

    fn append(&mut self, line: &Line) {
        if let Some(text) = text(&[line]) {
            self.put(text.bytes());
        }
    }

    /// Appends to the record. What a full disk does not take whole is lost to it, and still told: the
    /// half of a line would spoil the next one.
    fn put(&mut self, bytes: &[u8]) {
        if sys::write(self.record, bytes) {
            self.size += bytes.len() as u64;
        } else {
            sys::cut(self.record, self.size);
        }
    }

    fn broadcast(&mut self, line: &Line) {
        self.tell_all(&[line]);
    }

    fn tell_all(&mut self, lines: &[&Line]) {
        if let Some(text) = text(lines) {
            self.broadcast_text(text.bytes());
        }
    }

    fn broadcast_text(&mut self, text: &[u8]) {
        for at in 0..MAX_CLIENTS {
            // Who does not read is dropped: the record has it all.
            if self.clients[at].is_some_and(|client| !sys::send(client.fd, text)) {
                self.drop_client(at);
            }
        }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.sync();
    }
}

fn send(fd: Fd, lines: &[&Line]) -> bool {
    text(lines).is_some_and(|text| sys::send(fd, text.bytes()))
}

/// These lines with their ends.
fn text(lines: &[&Line]) -> Option<Text<256>> {
    let mut text = Text::new();
    let whole = lines.iter().all(|line| writeln!(text, "{line}").is_ok());
    whole.then_some(text)
}

/// A line of [`shim::line::Told`], with its end.
fn told(generation: u64, word: Word<'_>) -> Option<Text<256>> {
    let mut text = Text::new();
    let written = match word {
        Word::Ready => writeln!(text, "told {generation} ready"),
        Word::Reloading => writeln!(text, "told {generation} reloading"),
        Word::Stopping => writeln!(text, "told {generation} stopping"),
        Word::Alive => writeln!(text, "told {generation} alive"),
        Word::Extend(micros) => writeln!(text, "told {generation} extend {micros}"),
        Word::Status(status) => {
            let status = std::str::from_utf8(status).ok()?;
            writeln!(text, "told {generation} status {status}")
        }
    };
    written.ok().map(|()| text)
}

fn generation(line: &Line) -> Option<u64> {
    match line {
        Line::Started { generation, .. }
        | Line::Failed { generation, .. }
        | Line::Exited { generation, .. }
        | Line::Told { generation, .. }
        | Line::Gone { generation }
        | Line::Terminal { generation } => Some(*generation),
        Line::Shim { .. } => None,
    }
}
