//! Requests and answers that two parsers may read differently: `tests/corpus/http`.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use tests::PATIENCE;
use tests::smuggling::{Case, Proxy, Recorder, corpus, judge};

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
    let count: usize = files.iter().map(|(_, cases)| cases.len()).sum();
    assert!(count >= AT_LEAST, "{count} cases");
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
