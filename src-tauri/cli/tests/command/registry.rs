//! What is registered, as `azora registry` shows it.

use super::{Served, json, run};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use testkit::Home;

fn register(url: &str, body: &str) {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("Host: {address}\r\nConnection: close\r\nContent-Length: {length}");
    write!(stream, "POST /register HTTP/1.1\r\n{head}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a free port for the engine, which nobody else has for a moment"
)]
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_name_is_asked_for_and_one_that_nothing_has_is_not_there() {
    let home = Home::new();
    let consul = free_port();
    let settings = format!("[registry]\nconsul = {consul}\n");
    std::fs::write(home.path().join("settings.toml"), settings).unwrap();
    let _engine = Served::start(&home, &["serve"]);
    let status = json(&home, &["status", "--json"]);
    assert_eq!(
        status["engine"]["consul"],
        format!("http://127.0.0.1:{consul}")
    );
    let told = run(&home, &["status"]).out;
    assert!(
        told.contains(&format!("consul    http://127.0.0.1:{consul}")),
        "{told}"
    );

    let nothing = run(&home, &["registry"]);
    assert_eq!(nothing.code, Some(0), "a list may be empty");
    assert!(
        nothing.out.contains("POST http://127.0.0.1:"),
        "{}",
        nothing.out
    );
    let url = status["engine"]["registry"].as_str().unwrap();
    register(
        url,
        r#"{"name":"mail","port":9,"tags":["blue"],"ttl":3600}"#,
    );
    let mail = run(&home, &["registry", "mail"]);
    assert_eq!(mail.code, Some(0), "{}", mail.err);
    assert!(mail.out.contains("http://127.0.0.1:9"), "{}", mail.out);
    for (words, said) in [
        (
            &["registry", "nope"][..],
            "there is no nope among the 1 entries of the registry: it is not registered",
        ),
        (
            &["registry", "mail", "--tag", "red"],
            "none of what is registered as mail has these tags",
        ),
    ] {
        let done = run(&home, words);
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{words:?}");
        assert!(done.err.contains(said), "{words:?}: {}", done.err);
    }
    let done = run(&home, &["registry", "nope", "--json"]);
    assert_eq!(done.code, Some(3));
    assert!(done.out.contains(r#""found":0"#), "{}", done.out);
    let red = run(&home, &["registry", "--tag", "red"]);
    assert_eq!(red.code, Some(0), "{}", red.err);
    assert!(
        red.out.contains("none of the 1 entries has these tags"),
        "{}",
        red.out
    );
}
