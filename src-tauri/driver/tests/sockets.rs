//! Services that are handed listening sockets, and services with a terminal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill, lives};
use driver::{Happened, Launch, Listen, PortWish};
use model::{ExitStatus, Generation};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An organ that is handed the sockets of these ports.
fn organ(bench: &Bench, name: &str, generation: u64, listen: &[Listen]) -> Launch {
    let organ = testkit::program("organ").to_string_lossy().into_owned();
    let words = ["--name", "probed", "--port", "0"].map(str::to_owned);
    Launch {
        argv: std::iter::once(organ).chain(words).collect(),
        ports: listen.iter().map(|socket| socket.port).collect(),
        listen: listen.to_vec(),
        ..bench.launch(name, generation, &[])
    }
}

/// A shell that does this.
fn shell(bench: &Bench, name: &str, generation: u64, line: &str) -> Launch {
    Launch {
        argv: ["sh", "-c", line].map(str::to_owned).to_vec(),
        ..bench.launch(name, generation, &[])
    }
}

/// A free port of an instance.
fn port(bench: &Bench, name: &str) -> u16 {
    let wish = PortWish {
        cluster: bench.cluster.clone(),
        instance: instance(name),
        preferred: 0,
        exact: false,
    };
    bench.driver.grant_ports(&[wish]).unwrap()[0].port
}

fn own(port: u16) -> Vec<Listen> {
    vec![Listen { name: "own", port }]
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(LONG)).unwrap();
    Some(stream)
}

/// Nobody keeps the port's socket any more, as soon as the shim has gone.
async fn refused(port: u16) {
    assert!(testkit::eventually_async(LONG, || connect(port).is_none()).await);
}

/// Sends a request; the answer comes when somebody accepts.
fn send(port: u16) -> TcpStream {
    let mut stream = connect(port).expect("it is not refused");
    write!(stream, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream
}

/// Waits for the answer, away from the driver's thread; the pid it names.
async fn answer(mut stream: TcpStream) -> u32 {
    let read = move || {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    };
    let text = tokio::task::spawn_blocking(read).await.unwrap();
    let pid = text
        .split("\"pid\":")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    pid.and_then(|pid| pid.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {text:?}"))
}

#[tokio::test]
async fn a_connection_made_between_two_processes_waits_for_the_second() {
    let mut bench = Bench::new();
    let port = port(&bench, "web.0");
    bench.driver.start(organ(&bench, "web.0", 1, &own(port)));
    let first = bench.started().await;
    assert_eq!(answer(send(port)).await, first);

    // Whether it is stopped or crashes: the same shim starts it again, and has kept the socket.
    let shim = bench.shim("web.0");
    bench.stop("web.0", 1, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Code(0));
    let waiting = send(port);
    bench.driver.start(organ(&bench, "web.0", 2, &own(port)));
    let second = bench.started().await;
    assert_ne!(first, second);
    assert_eq!(answer(waiting).await, second);

    kill(second, Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    let waiting = send(port);
    bench.driver.start(organ(&bench, "web.0", 3, &own(port)));
    let third = bench.started().await;
    assert_eq!(answer(waiting).await, third);
    assert_eq!(bench.shim("web.0"), shim);

    bench.stop("web.0", 3, LONG);
    bench.exited().await;
    // It is to stay so: nobody is kept waiting for an answer that does not come.
    bench.driver.rest(&bench.cluster, &instance("web.0"));
    refused(port).await;
    bench.nothing_left().await;
}

#[tokio::test]
async fn the_next_engine_gets_the_sockets_back_from_the_shim() {
    let mut bench = Bench::new();
    let port = port(&bench, "web.0");
    bench.driver.start(organ(&bench, "web.0", 1, &own(port)));
    let first = bench.started().await;

    let mut bench = bench.reborn();
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].outcome, Ok(first));
    // The port is its own although this very process holds its socket now.
    let wish = PortWish {
        cluster: bench.cluster.clone(),
        instance: instance("web.0"),
        preferred: port,
        exact: false,
    };
    let grant = bench.driver.grant_ports(&[wish]).unwrap().remove(0);
    assert_eq!((grant.port, grant.moved), (port, None));

    bench.stop("web.0", 1, LONG);
    bench.exited().await;
    let waiting = send(port);
    bench.driver.start(organ(&bench, "web.0", 2, &own(port)));
    let second = bench.started().await;
    assert_eq!(answer(waiting).await, second);
    bench.stop("web.0", 2, LONG);
    bench.exited().await;
    bench.driver.forget(&bench.cluster, &instance("web.0"));
    bench.nothing_left().await;
}

#[tokio::test]
async fn a_connection_made_while_no_engine_is_there_waits_for_the_next_one() {
    let mut bench = Bench::new();
    let port = port(&bench, "web.0");
    bench.driver.start(organ(&bench, "web.0", 1, &own(port)));
    let first = bench.started().await;
    let (home, _) = bench.dies();
    kill(first, Signal::KILL);
    assert!(testkit::eventually_async(LONG, || !lives(first)).await);
    let waiting = send(port);

    let mut bench = Bench::on(home);
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].outcome, Err(ExitStatus::Signal(9)));
    bench.driver.start(organ(&bench, "web.0", 2, &own(port)));
    let second = bench.started().await;
    assert_eq!(answer(waiting).await, second);
    // Its shim, which kept the socket till then, was sent away by the adoption: the next engine
    // had its duplicate by then, and the next shim was given that.
    bench.stop("web.0", 2, LONG);
    bench.exited().await;
    bench.driver.rest(&bench.cluster, &instance("web.0"));
    bench.nothing_left().await;
}

#[tokio::test]
async fn the_service_lives_on_and_serves_when_its_shim_is_killed() {
    let mut bench = Bench::new();
    let port = port(&bench, "web.0");
    bench.driver.start(organ(&bench, "web.0", 1, &own(port)));
    let first = bench.started().await;
    let shim = bench.shim("web.0");
    kill(shim, Signal::KILL);
    assert!(matches!(bench.next().await, Happened::ShimLost { .. }));
    assert_eq!(answer(send(port)).await, first);
    // The engine has its own copy for the next start.
    bench.stop("web.0", 1, LONG);
    bench.exited().await;
    let waiting = send(port);
    bench.driver.start(organ(&bench, "web.0", 2, &own(port)));
    let second = bench.started().await;
    assert_eq!(answer(waiting).await, second);
    bench.stop("web.0", 2, LONG);
    bench.exited().await;
    bench.driver.rest(&bench.cluster, &instance("web.0"));
    bench.nothing_left().await;
}

#[tokio::test]
async fn instances_that_share_a_socket_answer_for_each_other() {
    let mut bench = Bench::new();
    let shared = port(&bench, "web.0");
    let mut pids = Vec::new();
    for name in ["web.0", "web.1"] {
        let mut listen = vec![Listen {
            name: "shared",
            port: shared,
        }];
        listen.extend(own(port(&bench, name)));
        bench.driver.start(organ(&bench, name, 1, &listen));
        let pid = bench.started().await;
        // Each is reached alone at its own.
        assert_eq!(answer(send(listen[1].port)).await, pid);
        pids.push(pid);
    }
    bench.stop("web.0", 1, LONG);
    bench.exited().await;
    bench.driver.rest(&bench.cluster, &instance("web.0"));
    for _ in 0..10 {
        assert_eq!(answer(send(shared)).await, pids[1]);
    }
    bench.stop("web.1", 1, LONG);
    bench.exited().await;
    bench.driver.rest(&bench.cluster, &instance("web.1"));
    refused(shared).await;
    bench.nothing_left().await;
}

#[tokio::test]
async fn a_service_is_told_what_it_is_handed_and_gets_nothing_else() {
    let mut bench = Bench::new();
    let listen = [
        Listen {
            name: "shared",
            port: port(&bench, "web.0"),
        },
        Listen {
            name: "own",
            port: port(&bench, "web.1"),
        },
    ];
    let line = "echo pid $((LISTEN_PID == $$)) $LISTEN_FDS $LISTEN_FDNAMES; \
                ls /proc/$$/fd; cd /proc/$$/fd; echo what $(readlink 3 | cut -c1-7) $(readlink 4 | cut -c1-7)";
    let mut launch = shell(&bench, "web.0", 1, line);
    launch.ports = listen.iter().map(|socket| socket.port).collect();
    launch.listen = listen.to_vec();
    // What Azora itself was started with is not passed on.
    launch.env.insert("LISTEN_PID".to_owned(), "1".to_owned());
    launch.env.insert("LISTEN_FDS".to_owned(), "9".to_owned());
    bench.driver.start(launch);
    bench.started().await;
    bench.exited().await;
    assert_eq!(bench.said("web.0", "pid").await, "1 2 shared:own");
    assert!(
        bench.log("web.0").contains("\n0\n1\n2\n3\n4\nwhat"),
        "{}",
        bench.log("web.0")
    );
    assert_eq!(bench.said("web.0", "what").await, "socket: socket:");
}

#[tokio::test]
async fn a_port_that_a_stranger_has_is_not_handed_over() {
    let mut bench = Bench::new();
    let stranger = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = stranger.local_addr().unwrap().port();
    bench.driver.start(organ(&bench, "web.0", 1, &own(port)));
    let (error, retry) = bench.failed().await;
    let holder = format!("port {port} is held by pid {}", std::process::id());
    assert!(error.starts_with(&holder) && retry, "{error}");
}

#[tokio::test]
async fn a_terminal_is_the_services_own_and_its_output_goes_to_the_log() {
    let mut bench = Bench::new();
    let line = "echo at $(tty); [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all three; \
                echo size $(stty size); echo > /dev/tty controls it; printf 'last words'";
    let launch = Launch {
        tty: true,
        ..shell(&bench, "term.0", 1, line)
    };
    bench.driver.start(launch.clone());
    bench.started().await;
    assert_eq!(bench.exited().await, ExitStatus::Code(0));
    let place = bench.said("term.0", "at").await;
    assert!(place.starts_with("/dev/pts/"), "{place}");
    assert_eq!(bench.said("term.0", "size").await, "24 80");
    for word in ["all three", "controls it", "last words"] {
        bench.said("term.0", word).await;
    }
    // The same shim makes another one for the next start.
    bench.driver.start(Launch {
        generation: Generation(2),
        ..launch
    });
    bench.started().await;
    bench.exited().await;
    assert_eq!(bench.log("term.0").matches("last words").count(), 2);
}

#[tokio::test]
async fn a_service_with_a_terminal_ends_with_its_shim() {
    let mut bench = Bench::new();
    let launch = Launch {
        tty: true,
        ..shell(&bench, "term.0", 1, "echo here; exec sleep 1000")
    };
    bench.driver.start(launch);
    let pid = bench.started().await;
    bench.said("term.0", "here").await;
    kill(bench.shim("term.0"), Signal::KILL);
    // Both end together, so either may be seen first.
    let status = match bench.next().await {
        Happened::ShimLost { .. } => bench.exited().await,
        Happened::Exited { status, .. } => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status, ExitStatus::Unknown);
    assert!(!lives(pid));
    bench.nothing_left().await;
}

#[tokio::test]
async fn a_service_that_writes_much_to_its_terminal_is_never_held_up() {
    let mut bench = Bench::new();
    let lines = 20_000;
    let launch = Launch {
        tty: true,
        ..shell(&bench, "term.0", 1, &format!("seq {lines}"))
    };
    bench.driver.start(launch);
    bench.started().await;
    let ended = tokio::time::timeout(Duration::from_secs(60), bench.exited()).await;
    assert_eq!(ended, Ok(ExitStatus::Code(0)));
    let log = bench.log("term.0");
    let numbers: Vec<u32> = log.lines().filter_map(|l| l.trim().parse().ok()).collect();
    assert_eq!(numbers, (1..=lines).collect::<Vec<u32>>());
}
