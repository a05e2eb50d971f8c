//! The socket in `NOTIFY_SOCKET`: what a service says about itself, as `sd_notify` says it.
//!
//! The shim holds and reads it, because it is there as long as the service is: nothing said while no
//! engine runs is lost, and nobody who speaks ever waits for one. Who speaks has to descend from
//! this shim: the kernel says who it is, and nothing that it says itself is believed about that.
//!
//! Of a helper that says its word and ends at once, like a line of a shell script, nothing is left to
//! be looked at. It is heard if it ran as the service's user: the address is in the environment of
//! that service alone, and who is that user could make the service say anything.
//!
//! It keeps what a later engine has to know in places of a fixed size, and allocates nothing.

use crate::sys::{self, Fd};
use shim::line::MAX_STATUS;
use std::ffi::{c_int, c_void};

/// Longest message; systemd takes no more either.
const MESSAGE: usize = 4096;
/// Messages taken at once: then it is somebody else's turn.
const TURN: usize = 16;
/// Parents between a speaker and this shim.
const DEEPEST: usize = 64;
/// Signs of life are told no more often than this, in milliseconds: nobody has to say them within
/// less than a second.
const BEAT: u64 = 200;
/// So many words are told in a second: an engine that reads as fast as it can is never flooded by a
/// service that speaks without pause. What is held back is told when the second is over.
const WORDS: u32 = 20;
const SECOND: u64 = 1000;
/// Room for who speaks and for descriptors that come along, which nobody wants.
const CONTROL: usize = 256;

/// Aligned as headers of control messages have to be.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Whether a line is waited for, or told as far as there is room.
enum News {
    Awaited,
    Other,
}

/// What stands before and behind the first `=`.
fn halves(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    Some((&line[..at], &line[at + 1..]))
}

/// One thing that was said.
#[derive(Clone, Copy)]
pub(crate) enum Word<'a> {
    Ready,
    Reloading,
    Stopping,
    Alive,
    Status(&'a [u8]),
    /// In microseconds.
    Extend(u64),
}

/// The socket, and what the present start has said.
pub(crate) struct Notify {
    pub(crate) fd: Fd,
    /// The user the service runs as.
    user: libc::uid_t,
    ready: bool,
    status: [u8; MAX_STATUS],
    used: usize,
    /// When a sign of life was last told.
    told: Option<u64>,
    /// Since when words are counted, how many there were, and whether some were held back.
    second: u64,
    words: u32,
    held_back: bool,
}

impl Notify {
    /// Binds the socket at this address: a path, or after an `@` a name that is no file. `user` is who
    /// the service runs as; `None`: who this is.
    pub(crate) fn bind(address: &str, user: Option<libc::uid_t>) -> Option<Notify> {
        // SAFETY: the address is plain bytes, for which zero is valid, filled within its bounds; all
        // other arguments are numbers and a valid place of the size told.
        unsafe {
            let mut place: libc::sockaddr_un = std::mem::zeroed();
            place.sun_family = libc::AF_UNIX as libc::sa_family_t;
            let bytes = address.as_bytes();
            // A path ends with a zero, a name begins with one.
            if bytes.is_empty() || bytes.len() >= place.sun_path.len() {
                sys::set_errno(libc::ENAMETOOLONG);
                return None;
            }
            for (at, byte) in place.sun_path.iter_mut().zip(bytes) {
                *at = *byte as libc::c_char;
            }
            let mut length = std::mem::offset_of!(libc::sockaddr_un, sun_path) + bytes.len();
            if bytes[0] == b'@' {
                place.sun_path[0] = 0;
            } else {
                length += 1;
                // The lock on the record says that no living shim has it.
                libc::unlink(place.sun_path.as_ptr());
            }
            let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            let fd = sys::checked(libc::socket(libc::AF_UNIX, kind, 0))?;
            let on: c_int = 1;
            let passes = libc::setsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_PASSCRED,
                (&raw const on).cast(),
                size_of::<c_int>() as libc::socklen_t,
            );
            let mask = libc::umask(0o177);
            let bound = libc::bind(fd, (&raw const place).cast(), length as libc::socklen_t);
            libc::umask(mask);
            if passes < 0 || bound < 0 {
                let error = sys::errno();
                sys::close(fd);
                sys::set_errno(error);
                return None;
            }
            Some(Notify {
                fd,
                user: user.unwrap_or(libc::geteuid()),
                ready: false,
                status: [0; MAX_STATUS],
                used: 0,
                told: None,
                second: 0,
                words: 0,
                held_back: false,
            })
        }
    }

    /// Another start begins: what the one before said is not its word. What is still in the queue
    /// was said by nobody who lives.
    pub(crate) fn begin(&mut self) {
        (self.ready, self.used, self.told) = (false, 0, None);
        self.held_back = false;
        let mut message = [0; MESSAGE];
        while self.receive(&mut message).is_some() {}
    }

    /// Hands out what has been said since, by whoever descends from this process; and with readiness
    /// whether it is said for the first time.
    pub(crate) fn hear(&mut self, mut tell: impl FnMut(Word<'_>, bool)) {
        let mut message = [0; MESSAGE];
        for _ in 0..TURN {
            let Some((length, speaker)) = self.receive(&mut message) else {
                return;
            };
            if !speaker.is_some_and(|speaker| self.heeds(&speaker)) {
                continue;
            }
            for line in message[..length].split(|byte| *byte == b'\n') {
                // The first is what somebody waits for; signs of life are few as it is.
                let (now, first) = match self.note(line) {
                    None => continue,
                    Some(News::Awaited) => (true, true),
                    Some(News::Other) => (self.has_room(), false),
                };
                if now && let Some(word) = self.word(line) {
                    tell(word, first);
                }
            }
        }
    }

    /// It is of the service; or it is gone, and was its user.
    fn heeds(&self, speaker: &libc::ucred) -> bool {
        descends(speaker.pid) || (speaker.uid == self.user && sys::gone(speaker.pid))
    }

    fn has_room(&mut self) -> bool {
        let now = sys::monotonic();
        if now >= self.second + SECOND {
            (self.second, self.words) = (now, 0);
        }
        self.words += 1;
        self.held_back |= self.words > WORDS;
        self.words <= WORDS
    }

    /// Milliseconds until what was held back may be told; `None` when nothing was.
    pub(crate) fn within(&self) -> Option<u64> {
        let left = (self.second + SECOND).saturating_sub(sys::monotonic());
        self.held_back.then_some(left)
    }

    /// What was held back may be told now, as far as it still holds.
    pub(crate) fn let_go(&mut self) -> bool {
        let due = self.within() == Some(0);
        self.held_back &= !due;
        due
    }

    /// What an engine that comes now has to know.
    pub(crate) fn known(&self, mut tell: impl FnMut(Word<'_>)) {
        if self.ready {
            tell(Word::Ready);
        }
        if self.used > 0 {
            tell(Word::Status(&self.status[..self.used]));
        }
    }

    /// Remembers a line, and answers what of it is news.
    fn note(&mut self, line: &[u8]) -> Option<News> {
        let (key, value) = halves(line)?;
        match (key, value) {
            (b"READY", b"1") => {
                let first = !std::mem::replace(&mut self.ready, true);
                Some(if first { News::Awaited } else { News::Other })
            }
            (b"WATCHDOG", b"1") => {
                let now = sys::monotonic();
                if self.told.is_some_and(|told| now < told + BEAT) {
                    return None;
                }
                self.told = Some(now);
                Some(News::Awaited)
            }
            (b"STATUS", text) => {
                self.keep(text);
                Some(News::Other)
            }
            (b"RELOADING" | b"STOPPING", b"1") | (b"EXTEND_TIMEOUT_USEC", _) => Some(News::Other),
            _ => None,
        }
    }

    /// The word a line stands for, once it is remembered.
    fn word(&self, line: &[u8]) -> Option<Word<'_>> {
        let (key, value) = halves(line)?;
        Some(match key {
            b"READY" => Word::Ready,
            b"RELOADING" => Word::Reloading,
            b"STOPPING" => Word::Stopping,
            b"WATCHDOG" => Word::Alive,
            b"STATUS" => Word::Status(&self.status[..self.used]),
            _ => Word::Extend(std::str::from_utf8(value).ok()?.parse().ok()?),
        })
    }

    /// As much of a text as is kept, in one line: it ends where a character does.
    fn keep(&mut self, text: &[u8]) {
        let mut length = text.len().min(MAX_STATUS);
        while length > 0 && length < text.len() && text[length] & 0xc0 == 0x80 {
            length -= 1;
        }
        let text = match std::str::from_utf8(&text[..length]) {
            Ok(text) => text.as_bytes(),
            Err(error) => &text[..error.valid_up_to()],
        };
        for (place, byte) in self.status.iter_mut().zip(text) {
            *place = if byte.is_ascii_control() { b' ' } else { *byte };
        }
        self.used = text.len();
    }

    /// The next message, as far as it fits, and the process that sent it.
    fn receive(&self, message: &mut [u8; MESSAGE]) -> Option<(usize, Option<libc::ucred>)> {
        let mut control = Control([0; CONTROL]);
        // SAFETY: the message describes `message` and `control`, which outlive the call; its headers
        // are read by the system's own macros, within the length the kernel has written.
        unsafe {
            let mut piece = libc::iovec {
                iov_base: message.as_mut_ptr().cast(),
                iov_len: message.len(),
            };
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_iov = &raw mut piece;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast::<c_void>();
            header.msg_controllen = CONTROL as _;
            let read = libc::recvmsg(self.fd, &raw mut header, libc::MSG_CMSG_CLOEXEC);
            let length = usize::try_from(read).ok()?;
            let mut speaker = None;
            let mut each = libc::CMSG_FIRSTHDR(&raw const header);
            while !each.is_null() {
                let data = libc::CMSG_DATA(each);
                match ((*each).cmsg_level, (*each).cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                        speaker = Some(data.cast::<libc::ucred>().read_unaligned());
                    }
                    // Closed when all before them was heard, which is what BARRIER=1 waits for.
                    (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                        let bytes = (*each).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                        for at in 0..bytes / size_of::<Fd>() {
                            sys::close(data.cast::<Fd>().add(at).read_unaligned());
                        }
                    }
                    _ => {}
                }
                each = libc::CMSG_NXTHDR(&raw const header, each);
            }
            Some((length, speaker))
        }
    }
}

/// A process descends from this one. Whose parent died is a child of ours: we are the subreaper.
fn descends(mut pid: c_int) -> bool {
    let own = sys::own_pid();
    for _ in 0..DEEPEST {
        match sys::parent(pid) {
            Some(parent) if parent == own => return true,
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}
