//! Small safe forms of the system calls the shim needs.
//!
//! Descriptors are plain numbers: the shim holds a handful, all until it exits.

use std::ffi::{CStr, CString, c_int};
use std::fmt::Write as _;

/// A descriptor.
pub(crate) type Fd = c_int;

/// The last system call's error number.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// How late this process's timers may be, in ns (100 ms): the only ones are the log's and the
/// record's, so a thousand shims may wake together.
const LAZY: u64 = 100_000_000;

/// Makes this process what a keeper is: leader of its own session, heir to every orphan below it,
/// deaf to the signals that end ordinary programs, told of dead children by descriptor only.
pub(crate) fn settle() {
    // SAFETY: plain calls on this process, without memory of ours.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_NAME, c"azora-shim".as_ptr());
        libc::prctl(libc::PR_SET_TIMERSLACK, LAZY);
        for signal in [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGQUIT,
            libc::SIGPIPE,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGTSTP,
        ] {
            libc::signal(signal, libc::SIG_IGN);
        }
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::chdir(c"/".as_ptr());
    }
}

/// Closes whatever the engine had inherited and passed on without knowing: a terminal's pipe held
/// open here, or by a service, would keep its other end waiting for ever.
pub(crate) fn close_inherited() {
    // SAFETY: takes numbers only; nothing of ours is open yet beyond the standard three.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } == 0;
    if !closed {
        // Before Linux 5.9. What an ordinary shell passes on is far below this.
        (3..4096).for_each(close);
    }
}

/// The standard input if it is a socket, moved away and closed on exec; afterwards 0, 1 and 2 are
/// `/dev/null`.
pub(crate) fn take_stdin() -> Option<Fd> {
    let mut kind: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: kind and length are valid places of the size told.
    let socket = unsafe {
        libc::getsockopt(
            0,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut length,
        )
    } == 0;
    // SAFETY: duplicates a descriptor number; fails on a bad one.
    let taken = socket.then(|| unsafe { libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 3) });
    // SAFETY: the path is zero-terminated; dup2 takes numbers only.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        for fd in 0..3 {
            libc::dup2(null, fd);
        }
    }
    let taken = taken.filter(|fd| *fd >= 0)?;
    // SAFETY: sets a flag on our own descriptor.
    unsafe { libc::fcntl(taken, libc::F_SETFL, libc::O_NONBLOCK) };
    Some(taken)
}

/// Forks; in the child the first part of the answer is 0. The child is born in the control group of
/// this folder where the kernel can do that, which the second part says: moving a process into a
/// group afterwards locks out every fork and exit of the machine for some milliseconds.
pub(crate) fn fork(group: Option<&CStr>) -> (c_int, bool) {
    /// `CLONE_INTO_CGROUP` of linux/sched.h, since Linux 5.7.
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    // A service is not to be as late as this process may be; zero is what it was before.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 0_u64) };
    let folder = group.and_then(open_folder);
    let mut pid = -1;
    if let Some(folder) = folder {
        // SAFETY: the arguments are plain numbers, for which zero is valid; with no memory shared
        // and no stack named the call is a fork, and this process has one thread, so the child may
        // do what its parent may.
        pid = unsafe {
            let mut args: libc::clone_args = std::mem::zeroed();
            args.flags = INTO_CGROUP;
            args.exit_signal = libc::SIGCHLD as u64;
            args.cgroup = folder as u64;
            let size = size_of::<libc::clone_args>();
            libc::syscall(libc::SYS_clone3, &raw const args, size) as c_int
        };
        if pid != 0 {
            close(folder);
        }
    }
    let joined = pid >= 0;
    if !joined {
        // SAFETY: one thread, as above.
        pid = unsafe { libc::fork() };
    }
    if pid != 0 {
        let error = errno();
        // SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, LAZY) };
        set_errno(error);
    }
    (pid, joined)
}

/// Sets the number [`errno`] answers.
pub(crate) fn set_errno(number: i32) {
    // SAFETY: the C library's place for this thread's error number.
    unsafe { *libc::__errno_location() = number };
}

/// What the standard output holds, when it is a file: the driver hands secrets over that way.
pub(crate) fn read_stdout(max: u64) -> Option<Vec<u8>> {
    use std::os::fd::FromRawFd;
    use std::os::unix::fs::FileExt;
    // SAFETY: descriptor 1 is not closed before `take_stdin` replaces it, and not by this either.
    let file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(1) });
    let found = file.metadata().ok()?;
    if !found.is_file() || found.len() > max {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(found.len()).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}

/// Opens a folder.
pub(crate) fn open_folder(path: &CStr) -> Option<Fd> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path is zero-terminated.
    checked(unsafe { libc::open(path.as_ptr(), flags) })
}

/// Opens a file of a folder for appending, made when it is missing.
pub(crate) fn open_append_at(folder: Fd, name: &str) -> Option<Fd> {
    let name = CString::new(name).ok()?;
    let flags = libc::O_RDWR | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: the name is zero-terminated.
    checked(unsafe { libc::openat(folder, name.as_ptr(), flags, 0o600) })
}

/// Opens any file for appending, made when it is missing.
pub(crate) fn open_append(path: &str) -> Option<Fd> {
    open_append_at(libc::AT_FDCWD, path)
}

/// Reads a file of a folder whole, unless it is longer than `max`.
pub(crate) fn read_at(folder: Fd, name: &str, max: u64) -> Option<Vec<u8>> {
    use std::io::Read;
    use std::os::fd::FromRawFd;
    let name = CString::new(name).ok()?;
    // SAFETY: the name is zero-terminated.
    let fd = unsafe { libc::openat(folder, name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    // SAFETY: the descriptor was just opened here and is owned by nobody else.
    let file = checked(fd).map(|fd| unsafe { std::fs::File::from_raw_fd(fd) })?;
    // Its length may be anything by the time it is read; this only saves reading it in pieces.
    let length = file.metadata().map_or(0, |file| file.len().min(max));
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    let read = file.take(max + 1).read_to_end(&mut bytes).ok()? as u64;
    (read <= max).then_some(bytes)
}

/// Takes the exclusive lock that says "this instance has a shim"; false when another holds it.
pub(crate) fn lock(fd: Fd) -> bool {
    // SAFETY: takes numbers only.
    unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// Sets disk space aside for a file, from a place on, without changing its length. Where that is not
/// possible the file works without.
pub(crate) fn reserve(fd: Fd, from: u64, bytes: u64) -> bool {
    let place = |at: u64| libc::off_t::try_from(at).unwrap_or(libc::off_t::MAX);
    // SAFETY: takes numbers only.
    unsafe { libc::fallocate(fd, libc::FALLOC_FL_KEEP_SIZE, place(from), place(bytes)) == 0 }
}

/// Makes a file so long, or short.
pub(crate) fn cut(fd: Fd, size: u64) {
    // SAFETY: takes numbers only.
    unsafe { libc::ftruncate(fd, libc::off_t::try_from(size).unwrap_or(libc::off_t::MAX)) };
}

/// Removes a file of a folder.
pub(crate) fn unlink_at(folder: Fd, name: &str) {
    if let Ok(name) = CString::new(name) {
        // SAFETY: the name is zero-terminated.
        unsafe { libc::unlinkat(folder, name.as_ptr(), 0) };
    }
}

/// Closes a descriptor.
pub(crate) fn close(fd: Fd) {
    // SAFETY: the caller gives up a descriptor it owns.
    unsafe { libc::close(fd) };
}

/// A pipe, closed on exec: (reading end, writing end).
pub(crate) fn pipe() -> Option<(Fd, Fd)> {
    let mut ends = [0; 2];
    // SAFETY: ends has the two places the call fills.
    checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Some((ends[0], ends[1]))
}

/// Writes once; true when everything was taken.
pub(crate) fn write(fd: Fd, bytes: &[u8]) -> bool {
    loop {
        // SAFETY: pointer and length are of one slice.
        let n = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if n >= 0 || errno() != libc::EINTR {
            return usize::try_from(n) == Ok(bytes.len());
        }
    }
}

/// Reads once: bytes read, 0 at the end, `None` on an error (try again included).
pub(crate) fn read(fd: Fd, bytes: &mut [u8]) -> Option<usize> {
    loop {
        // SAFETY: pointer and length are of one slice.
        let n = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
        if n >= 0 || errno() != libc::EINTR {
            return usize::try_from(n).ok();
        }
    }
}

/// Reads once at a place: bytes read, 0 at the end, `None` on an error.
pub(crate) fn read_from(fd: Fd, bytes: &mut [u8], at: u64) -> Option<usize> {
    let at = libc::off_t::try_from(at).ok()?;
    // SAFETY: pointer and length are of one slice.
    let n = unsafe { libc::pread(fd, bytes.as_mut_ptr().cast(), bytes.len(), at) };
    usize::try_from(n).ok()
}

/// Sends without waiting and without SIGPIPE; true when everything was taken.
pub(crate) fn send(fd: Fd, bytes: &[u8]) -> bool {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: pointer and length are of one slice.
    let n = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(n) == Ok(bytes.len())
}

/// Makes what was written durable.
pub(crate) fn sync(fd: Fd) {
    // SAFETY: takes a number only.
    unsafe { libc::fdatasync(fd) };
}

/// How long a file is.
pub(crate) fn size(fd: Fd) -> u64 {
    // SAFETY: stat is plain numbers, for which zero is a valid value; the call fills it.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &raw mut stat) == 0 {
            u64::try_from(stat.st_size).unwrap_or(0)
        } else {
            0
        }
    }
}

/// Milliseconds on a clock that only goes forward.
pub(crate) fn monotonic() -> u64 {
    // SAFETY: the place is of the type the call fills, and it cannot fail for this clock.
    let now = unsafe {
        let mut now: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now);
        now
    };
    // The time since boot fits, and its parts are never negative.
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// True when there is such a file.
pub(crate) fn exists(path: &CStr) -> bool {
    // SAFETY: the path is zero-terminated.
    unsafe { libc::access(path.as_ptr(), libc::F_OK) == 0 }
}

/// Reads the beginning of a file, without allocating: how many bytes there were.
pub(crate) fn read_small(path: &CStr, bytes: &mut [u8]) -> Option<usize> {
    // SAFETY: the path is zero-terminated.
    let fd = checked(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })?;
    let read = read(fd, bytes);
    close(fd);
    read
}

/// Writes to a file that is there; true when everything was taken. If not, the error number is
/// that of what failed.
pub(crate) fn write_to(path: &CStr, bytes: &[u8]) -> bool {
    // SAFETY: the path is zero-terminated.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return false;
    }
    let written = write(fd, bytes);
    let error = errno();
    close(fd);
    set_errno(error);
    written
}

/// How late a timer of this process may come, in milliseconds.
pub(crate) fn timer_slack(milliseconds: u64) {
    // SAFETY: takes numbers only; the kernel wants nanoseconds.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, milliseconds * 1_000_000) };
}

/// Wall time in Unix milliseconds.
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(0))
}

/// This process.
pub(crate) fn own_pid() -> c_int {
    // SAFETY: takes nothing.
    unsafe { libc::getpid() }
}

/// When a process started, in clock ticks since boot, read without allocating.
pub(crate) fn start_ticks(pid: c_int) -> Option<u64> {
    let mut path = Text::<32>::new();
    write!(path, "/proc/{pid}/stat\0").ok()?;
    let path = CStr::from_bytes_with_nul(path.bytes()).ok()?;
    // SAFETY: the path is zero-terminated.
    let fd = checked(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })?;
    let mut stat = [0; 1024];
    let read = read(fd, &mut stat);
    close(fd);
    shim::anchor::start_ticks(&stat[..read?])
}

/// The parent of a process; `None` for one that is not there.
pub(crate) fn parent(pid: c_int) -> Option<c_int> {
    let mut stat = [0; 1024];
    let mut path = Text::<32>::new();
    write!(path, "/proc/{pid}/stat\0").ok()?;
    let path = CStr::from_bytes_with_nul(path.bytes()).ok()?;
    let read = read_small(path, &mut stat)?;
    shim::anchor::parent(&stat[..read])
}

/// No process has this pid any more.
pub(crate) fn gone(pid: c_int) -> bool {
    // SAFETY: signal 0 is sent to nobody, it only asks.
    pid > 0 && unsafe { libc::kill(pid, 0) } < 0 && errno() == libc::ESRCH
}

/// SIGKILL to every direct child. Their pids cannot come to mean others: only this process reaps.
pub(crate) fn kill_children() {
    // SAFETY: the path is zero-terminated.
    let folder = unsafe {
        libc::open(
            c"/proc/thread-self/children".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        )
    };
    let Some(list) = checked(folder) else {
        return;
    };
    let mut pid: c_int = 0;
    let mut block = [0; 1024];
    while let Some(n @ 1..) = read(list, &mut block) {
        for byte in &block[..n] {
            if byte.is_ascii_digit() {
                pid = pid.wrapping_mul(10).wrapping_add(c_int::from(byte - b'0'));
            } else if pid > 0 {
                // SAFETY: a child of ours, not reaped: the number is its own.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                pid = 0;
            }
        }
    }
    close(list);
}

/// Text of at most `N` bytes, without an allocation.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; N],
            used: 0,
        }
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

impl<const N: usize> std::fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.used + text.len();
        let place = self.bytes.get_mut(self.used..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

/// `None` for the -1 of a failed call.
pub(crate) fn checked(result: c_int) -> Option<c_int> {
    (result >= 0).then_some(result)
}
