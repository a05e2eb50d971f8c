//! The organ as a process: what it answers, how it misbehaves, how little it takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running organ, killed when the test is over.
struct Organ {
    child: Child,
    port: u16,
    lines: BufReader<std::process::ChildStdout>,
    /// A word in its environment that no other process has.
    mark: String,
}

/// Counts the organs of this test program.
static STARTED: AtomicU32 = AtomicU32::new(0);

impl Organ {
    fn start(more: &[&str]) -> Self {
        let count = STARTED.fetch_add(1, Ordering::Relaxed);
        let mark = format!("ORGAN_TEST={}-{count}", std::process::id());
        let mut child = Command::new(env!("CARGO_BIN_EXE_organ"))
            .args(["--name", "probed", "--port", "0"])
            .args(more)
            .env("AZORA_GENERATION", "7")
            .env("ORGAN_TEST", format!("{}-{count}", std::process::id()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("organ starts");
        let mut lines = BufReader::new(child.stdout.take().expect("output is piped"));
        let mut first = String::new();
        lines
            .read_line(&mut first)
            .expect("it says where it listens");
        let port = first
            .split("127.0.0.1:")
            .nth(1)
            .and_then(|rest| rest.split(',').next())
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("no port in {first:?}"));
        Self {
            child,
            port,
            lines,
            mark,
        }
    }

    /// The whole answer to a request without a body.
    fn ask(&self, line: &str, more: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it accepts");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout can be set");
        write!(stream, "{line} HTTP/1.1\r\nHost: x\r\n{more}\r\n").expect("it reads");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    fn misbehave(&self, query: &str) -> String {
        self.ask(&format!("POST /misbehave?{query}"), "")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .expect("kill runs")
                .success()
        );
    }

    fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Organ {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until the answer is as wanted.
#[track_caller]
fn until(what: &str, mut wanted: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wanted() {
        assert!(Instant::now() < deadline, "waited 20 s for {what}");
        std::thread::park_timeout(Duration::from_millis(5)); // between two looks
    }
}

#[test]
fn health_names_the_process_and_its_generation() {
    let organ = Organ::start(&[]);
    let answer = organ.ask("GET /health", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let pid = organ.child.id();
    let body = format!(
        "{{\"status\":\"pass\",\"name\":\"probed\",\"pid\":{pid},\"generation\":7,\"calls\":{{\"ok\":0,\"failed\":0}}}}\n"
    );
    assert!(answer.ends_with(&body), "{answer}");
    assert!(organ.ask("GET /else", "").starts_with("HTTP/1.1 404 "));
}

#[test]
fn calls_are_made_counted_and_news_of_them_said_once() {
    let mut peer = Organ::start(&[]);
    let mut organ = Organ::start(&["--call", &format!("http://127.0.0.1:{}", peer.port)]);
    until("a call that went well", || {
        !organ.ask("GET /health", "").contains("\"ok\":0")
    });
    peer.child.kill().expect("it can be killed");
    peer.end();
    until("two calls that failed", || {
        organ.ask("GET /health", "").contains("\"failed\":2")
    });
    organ.signal("-TERM");
    assert_eq!(organ.end().code(), Some(0));
    let mut said = String::new();
    let _ = organ
        .child
        .stderr
        .take()
        .expect("errors are piped")
        .read_to_string(&mut said);
    assert_eq!(said.matches("failed to call").count(), 1, "{said}");
}

#[test]
fn a_taken_port_is_said_and_has_an_exit_code_of_its_own() {
    let organ = Organ::start(&[]);
    let second = Command::new(env!("CARGO_BIN_EXE_organ"))
        .args(["--name", "second", "--port", &organ.port.to_string()])
        .output()
        .expect("organ runs");
    assert_eq!(second.status.code(), Some(98));
    assert!(String::from_utf8_lossy(&second.stderr).contains("failed to listen on 127.0.0.1:"));
}

#[test]
fn it_crashes_and_exits_as_told() {
    let mut organ = Organ::start(&[]);
    assert!(organ.misbehave("mode=crash").starts_with("HTTP/1.1 200 "));
    assert_eq!(organ.end().signal(), Some(6));
    let mut organ = Organ::start(&[]);
    organ.misbehave("mode=crash&code=3");
    assert_eq!(organ.end().code(), Some(3));
}

#[test]
fn an_error_lasts_until_it_is_told_to_behave() {
    let organ = Organ::start(&[]);
    organ.misbehave("mode=error&code=503");
    let answer = organ.ask("GET /health", "");
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"status\":\"fail\""),
        "{answer}"
    );
    organ.misbehave("mode=ok");
    assert!(organ.ask("GET /health", "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn slow_answers_come_late_and_do_not_hold_up_the_rest() {
    let organ = Organ::start(&[]);
    organ.misbehave("mode=slow&ms=300");
    let began = Instant::now();
    assert!(organ.ask("GET /health", "").starts_with("HTTP/1.1 200 "));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(organ.misbehave("mode=ok").contains("as you wish"));
}

#[test]
fn a_hang_answers_nobody_and_ends_by_sigterm() {
    let mut organ = Organ::start(&[]);
    organ.misbehave("mode=hang");
    let mut stream = TcpStream::connect(("127.0.0.1", organ.port)).expect("the kernel accepts");
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout can be set");
    stream
        .write_all(b"GET /health HTTP/1.1\r\n\r\n")
        .expect("the kernel takes it");
    assert!(stream.read(&mut [0; 1]).is_err(), "it should not answer");
    organ.signal("-TERM");
    assert_eq!(organ.end().signal(), Some(15));
}

#[test]
fn sigterm_can_be_ignored_from_the_start_or_on_request() {
    for more in [&["--ignore-term"][..], &[]] {
        let mut organ = Organ::start(more);
        if more.is_empty() {
            organ.misbehave("mode=ignore-term");
        }
        organ.signal("-TERM");
        assert!(organ.ask("GET /health", "").starts_with("HTTP/1.1 200 "));
        organ.signal("-KILL");
        assert_eq!(organ.end().signal(), Some(9));
    }
}

#[test]
fn a_leak_grows_and_a_flood_floods() {
    let mut organ = Organ::start(&[]);
    let before = private_kb(organ.child.id());
    organ.misbehave("mode=leak&kb=2048");
    until("2 MB more", || {
        private_kb(organ.child.id()) >= before + 2048
    });
    organ.misbehave("mode=flood&lines=100");
    let mut line = String::new();
    until("line 99", || {
        line.clear();
        organ.lines.read_line(&mut line).expect("it writes");
        line.contains("line 99 of this second")
    });
}

#[test]
fn a_grandchild_in_a_session_of_its_own_outlives_it() {
    let mut organ = Organ::start(&["--double-fork"]);
    let mine = organ.child.id();
    let grandchildren = || -> Vec<u32> {
        marked(&organ.mark)
            .into_iter()
            .filter(|pid| *pid != mine)
            .collect()
    };
    until("the grandchild", || !grandchildren().is_empty());
    let grandchild = grandchildren()[0];
    assert_ne!(session(grandchild), session(mine));
    organ.signal("-KILL");
    let port = organ.port;
    assert_eq!(
        organ.child.wait().expect("it is our child").signal(),
        Some(9)
    );
    let gone = TcpStream::connect(("127.0.0.1", port)).is_err();
    let killed = Command::new("kill")
        .args(["-KILL", &grandchild.to_string()])
        .status();
    assert!(
        killed.expect("kill runs").success(),
        "the grandchild lived on"
    );
    assert!(gone, "the grandchild let go of the port");
}

#[test]
fn a_web_page_may_not_ask() {
    let organ = Organ::start(&[]);
    let answer = organ.ask(
        "POST /misbehave?mode=crash",
        "Origin: http://example.org\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(organ.ask("GET /health", "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn it_takes_tens_of_kilobytes() {
    let organs: Vec<Organ> = (0..3).map(|_| Organ::start(&[])).collect();
    let kb = private_kb(organs[1].child.id());
    println!("private memory: {kb} KB");
    // The bound leaves room for another allocator or loader; the point is that it is no megabyte.
    assert!(kb <= 256, "{kb} KB of private memory");
}

/// Private memory from the kernel's own sum.
fn private_kb(pid: u32) -> u64 {
    std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .expect("its memory can be read")
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

/// Who has this word in its environment.
fn marked(mark: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    let processes = std::fs::read_dir("/proc")
        .expect("there is /proc")
        .flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(has)
        .collect()
}

/// Field 6 of `/proc/PID/stat`.
fn session(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()
}

/// A connection that stays, and what is read from it.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn to(organ: &Organ) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", organ.port)).expect("it accepts");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout can be set");
        Self(BufReader::new(stream))
    }

    fn send(&mut self) {
        let request = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
        self.0
            .get_mut()
            .write_all(request.as_bytes())
            .expect("it reads");
    }

    /// The head of the next answer, its body read as well.
    fn answer(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                self.0.read_line(&mut head).expect("it answers"),
                0,
                "{head}"
            );
        }
        let length = head
            .split("Content-Length: ")
            .nth(1)
            .expect("it says how long");
        let length = length.split("\r\n").next().and_then(|n| n.parse().ok());
        let mut body = vec![0; length.expect("a number")];
        self.0.read_exact(&mut body).expect("it answers");
        head
    }
}

#[test]
fn a_connection_stays_for_who_asks_for_it() {
    let organ = Organ::start(&[]);
    let mut kept = Kept::to(&organ);
    for _ in 0..3 {
        kept.send();
        let head = kept.answer();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("Connection: keep-alive\r\n"), "{head}");
    }
}

#[test]
fn told_to_stop_it_answers_those_it_has_and_accepts_nobody_any_more() {
    let mut organ = Organ::start(&[]);
    let (mut idle, mut slow) = (Kept::to(&organ), Kept::to(&organ));
    idle.send();
    assert!(idle.answer().contains("Connection: keep-alive\r\n"));
    organ.misbehave("mode=slow&ms=300");
    slow.send();
    until("the slow one to be heard", || {
        organ.ask("GET /misbehave", "").starts_with("HTTP/1.1 405 ")
    });
    organ.signal("-TERM");
    until("it to accept nobody any more", || {
        TcpStream::connect(("127.0.0.1", organ.port)).is_err()
    });
    // A request that was on its way when it was told to stop is answered, and is the last.
    idle.send();
    for kept in [&mut slow, &mut idle] {
        let head = kept.answer();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("Connection: close\r\n"), "{head}");
    }
    drop((idle, slow));
    assert_eq!(organ.end().code(), Some(0));
}
