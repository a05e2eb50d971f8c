//! Requests and answers that two parsers may read differently, through the real gateway: `tests/corpus/http`.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use tests::gateway::register;
use tests::smuggling::{Case, Proxy, Recorder, corpus, judge};
use tests::{Azora, PATIENCE};

/// So many there are at least, all files together.
const AT_LEAST: usize = 200;

/// The files, by their names.
fn files() -> Vec<(String, Vec<Case>)> {
    let folder: PathBuf = tests::root().join("tests/corpus/http");
    let entries = std::fs::read_dir(&folder).expect("the corpus lies there");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let stem = file.file_stem().expect("a name").to_string_lossy();
        (stem.into_owned(), corpus::read(file))
    };
    files.iter().map(read).collect()
}

/// Judges the cases of each file, the files side by side, and tells of all that is wrong.
fn all_wrong(proxies: &[Proxy], files: &[(String, Vec<Case>)]) -> Vec<String> {
    std::thread::scope(|scope| {
        let judged: Vec<_> = proxies
            .iter()
            .zip(files)
            .map(|(proxy, (_, cases))| {
                scope.spawn(move || {
                    let one = |case: &Case| {
                        let name = case.name.clone();
                        judge(proxy, case)
                            .into_iter()
                            .map(move |wrong| format!("{name}: {wrong}"))
                    };
                    cases.iter().flat_map(one).collect::<Vec<String>>()
                })
            })
            .collect();
        let done = judged
            .into_iter()
            .map(|one| one.join().expect("nobody panicked"));
        done.flatten().collect()
    })
}

/// A backend that the gateway knows by this name.
fn registered(azora: &Azora, name: &str) -> Proxy {
    let backend = Recorder::new();
    let named = register(azora, name, backend.port());
    Proxy::new(named.port, named.host, backend)
}

#[test]
fn nothing_is_read_in_two_ways() {
    let files = files();
    let count: usize = files.iter().map(|(_, cases)| cases.len()).sum();
    assert!(count >= AT_LEAST, "{count} cases");
    let azora = Azora::new();
    let mut engine = azora.serve_until_it_listens(azora.home().path());
    let proxies: Vec<Proxy> = files
        .iter()
        .map(|(stem, _)| registered(&azora, stem))
        .collect();
    let wrong = all_wrong(&proxies, &files);
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        engine.try_wait().expect("it is our child").is_none(),
        "the engine lives"
    );
    let _ = engine.kill();
    let _ = engine.wait();
}

/// Passes on every byte as it is, as no proxy may: what the cases are there to find.
fn relay(to: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
                return;
            };
            let mut ways = vec![];
            for (from, into) in [(&client, &server), (&server, &client)] {
                let (Ok(mut from), Ok(mut into)) = (from.try_clone(), into.try_clone()) else {
                    return;
                };
                ways.push(move || {
                    let _ = from.set_read_timeout(Some(PATIENCE));
                    let _ = std::io::copy(&mut from, &mut into);
                    let _ = into.shutdown(std::net::Shutdown::Write);
                });
            }
            for way in ways {
                std::thread::spawn(way);
            }
        }
    });
    port
}

#[test]
fn a_proxy_that_reads_nothing_is_found_out() {
    let files = files();
    let proxies: Vec<Proxy> = files
        .iter()
        .map(|_| {
            let backend = Recorder::new();
            Proxy::new(relay(backend.port()), "x.localhost".to_owned(), backend)
        })
        .collect();
    let wrong = all_wrong(&proxies, &files);
    // What is right is passed on right, and all that is found has a case for it.
    let smuggled = wrong
        .iter()
        .filter(|wrong| wrong.contains("a request for /smuggled"));
    assert!(smuggled.count() >= 5, "{}", wrong.join("\n"));
    for (stem, _) in &files {
        assert!(wrong.iter().any(|wrong| wrong.starts_with(stem)), "{stem}");
    }
    let fine = [
        "lengths/fine.1:",
        "codings/fine.1:",
        "chunks/fine.1:",
        "heads/fine.1:",
    ];
    for name in fine {
        assert!(
            !wrong.iter().any(|wrong| wrong.starts_with(name)),
            "{}",
            wrong.join("\n")
        );
    }
}
