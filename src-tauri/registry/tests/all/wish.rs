//! The body of `POST /register`: what is kept of it, and what is said of one that cannot be used.

use crate::world::server;
use serde_json::json;

#[tokio::test]
async fn everything_that_can_be_said_is_kept() {
    let server = server().await;
    let body = r#"{"name":"mail","url":"http://[::1]:4000/v1?a=b","id":"one","ttl":86400,
                   "meta":{"version":"7"}}"#;
    let answer = server.ask("POST /register", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let entry = answer.json();
    assert_eq!(
        (&entry["id"], &entry["meta"]),
        (&json!("one"), &json!({ "version": "7" }))
    );
    assert_eq!(entry["expires"], 1_000_000 + 86_400_000);
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_what_may_be_meant() {
    let server = server().await;
    for (body, said) in [
        (
            r#"{"name":"t1","port":18900,"tll":3000}"#,
            "Did you mean `ttl`?",
        ),
        (
            r#"{"name":"t1","port":18900,"colour":1}"#,
            "There are `name`, `url`",
        ),
        (
            r#"{"name":"t1","port":18900,"check":{"tcp":"127.0.0.1:1","evry":1}}"#,
            "Did you mean `every`?",
        ),
        (
            r#"{"name":"t1","port":18900,"check":["/",null]}"#,
            "check is an object, not [",
        ),
        (
            r#"["arr",null,null,9]"#,
            "the body is JSON, and not an object",
        ),
        (r#"{"name":"t1","name":"t2","port":9}"#, "duplicate field"),
    ] {
        let answer = server.ask("POST /register", body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(answer.body.contains(said), "{body}: {answer:?}");
    }
    assert_eq!(server.ask("GET /services", "").await.body, "[]");
}

/// In words of who wrote it, with what was meant as it is written.
#[tokio::test]
async fn a_value_of_another_kind_is_told_with_what_was_meant() {
    let server = server().await;
    for (keys, error, help) in [
        (
            r#""port":"4000""#,
            r#"port is a number from 1 to 65535, not "4000""#,
            r#""port": 4000."#,
        ),
        (
            r#""port":70000"#,
            "port is a number from 1 to 65535, not 70000",
            r#""port": 4000."#,
        ),
        (
            r#""ttl":"30s""#,
            r#"ttl is a whole number of seconds, not "30s""#,
            r#""ttl": 30."#,
        ),
        (
            r#""ttl":-1"#,
            "ttl is a whole number of seconds, not -1",
            r#""ttl": 30."#,
        ),
        (
            r#""tags":"blue""#,
            r#"tags is a list of texts, not "blue""#,
            r#""tags": ["blue"]."#,
        ),
        (
            r#""tags":["a",1]"#,
            "tags is a list of texts",
            r#""tags": ["a","1"]."#,
        ),
        (
            r#""meta":{"a":1}"#,
            "meta is an object whose values are texts",
            r#""meta": {"a":"1"}."#,
        ),
        (
            r#""version":7"#,
            "version is a text, not 7",
            r#""version": "7"."#,
        ),
        (
            r#""address":"here""#,
            "address is the address of a host",
            r#""address": "127.0.0.1"."#,
        ),
        (
            r#""check":"/x""#,
            "check is an object, not",
            r#""check": {"http": "/health"}."#,
        ),
        (
            r#""check":{"every":"5s","http":"/"}"#,
            "every is a whole number",
            r#""every": 5."#,
        ),
    ] {
        let body = format!(r#"{{"name":"t1",{keys}}}"#);
        let answer = server.ask("POST /register", &body).await;
        let told = answer.json();
        let [said, meant] = ["error", "help"].map(|key| told[key].as_str().unwrap().to_owned());
        assert!(
            answer.status == 400 && said.contains(error),
            "{body}: {told}"
        );
        assert!(meant.ends_with(help), "{body}: {told}");
    }
    let nameless = server.ask("POST /register", r#"{"port":9}"#).await;
    assert!(
        nameless.body.contains("a registration has no name"),
        "{nameless:?}"
    );
    let nothing = r#"{"name":"t1","port":9,"tags":null,"meta":null,"check":null}"#;
    assert_eq!(server.ask("POST /register", nothing).await.status, 201);
}

#[tokio::test]
async fn what_would_steer_whatever_shows_it_is_refused() {
    let server = server().await;
    for keys in [
        r#""meta":{"k":"\u001b[2J"}"#,
        r#""meta":{"k\n":"v"}"#,
        r#""category":"a\u202eb""#,
        r#""version":"\u0007""#,
        r#""tags":["fine","not\u0000"]"#,
    ] {
        let body = format!(r#"{{"name":"t1","port":9,{keys}}}"#);
        let answer = server.ask("POST /register", &body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(
            answer.body.contains("it has control characters"),
            "{body}: {answer:?}"
        );
    }
    let lines = r#"{"name":"t1","port":9,"meta":{"k":"one\n\ttwo"}}"#;
    assert_eq!(server.ask("POST /register", lines).await.status, 201);
}

#[tokio::test]
async fn content_types_of_programs_are_taken_and_those_of_pages_are_not() {
    let server = server().await;
    let host = format!("Host: {}", server.host());
    let body = r#"{"name":"mail","url":"http://127.0.0.1:4000"}"#;
    for (kind, status) in [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 200),
        ("application/x-www-form-urlencoded", 200),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("", 415),
    ] {
        let kind = format!("Content-Type: {kind}");
        let answer = server.send("POST /register", &[&host, &kind], body).await;
        assert_eq!(answer.status, status, "{kind} {answer:?}");
    }
}

#[tokio::test]
async fn hostile_bodies_get_a_clear_no() {
    let server = server().await;
    let deep = format!(
        r#"{{"name":"a","url":"http://127.0.0.1:1","meta":{}1"#,
        r#"{"a":"#.repeat(9_000)
    );
    let many: String = (0..33).map(|n| format!(r#""k{n}":"v","#)).collect();
    let bodies = [
        String::new(),
        "null".into(),
        "[]".into(),
        "{".into(),
        r#"{"name":"mail"}"#.into(),
        r#"{"url":"http://127.0.0.1:4000"}"#.into(),
        r#"{"name":1,"url":"http://127.0.0.1:4000"}"#.into(),
        r#"{"name":"a","name":"b","url":"http://127.0.0.1:4000"}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000"} trailing"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","ttl":4}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","ttl":86401}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","ttl":-1}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","ttl":1e400}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","id":""}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","id":"../../etc"}"#.into(),
        r#"{"name":"a","url":"http://127.0.0.1:4000","id":".."}"#.into(),
        r#"{"name":"../a","url":"http://127.0.0.1:4000"}"#.into(),
        r#"{"name":"","url":"http://127.0.0.1:4000"}"#.into(),
        r#"{"name":"A","url":"http://127.0.0.1:4000"}"#.into(),
        r#"{"name":"a\u0000b","url":"http://127.0.0.1:4000"}"#.into(),
        format!(
            r#"{{"name":"{}","url":"http://127.0.0.1:4000"}}"#,
            "a".repeat(64)
        ),
        format!(
            r#"{{"name":"a","url":"http://127.0.0.1:4000/{}"}}"#,
            "a".repeat(2_100)
        ),
        format!(r#"{{"name":"a","url":"http://127.0.0.1:4000","meta":{{{many}"z":"z"}}}}"#),
        format!(
            r#"{{"name":"a","url":"http://127.0.0.1:4000","meta":{{"k":"{}"}}}}"#,
            "v".repeat(513)
        ),
        r#"{"name":"a","url":"http://127.0.0.1:4000","meta":{"k":{"nested":1}}}"#.into(),
        deep,
    ];
    for body in bodies {
        let answer = server.ask("POST /register", &body).await;
        assert_eq!(answer.status, 400, "{body:.200}: {answer:?}");
        let told = answer.json();
        assert!(
            told["error"].is_string() && told["help"].is_string(),
            "{told}"
        );
    }
    let long = server.ask("POST /register", &"x".repeat(65 << 10)).await;
    assert_eq!(long.status, 413, "{long:?}");
    let host = server.host();
    let latin = format!(
        "POST /register HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
    );
    let answer = server.raw(&[latin.as_bytes(), b"\"\xff\""].concat()).await;
    assert_eq!(answer.status, 400);
    // Chunks without end are cut off like a long body.
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(5);
    let chunked = format!(
        "POST /register HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    );
    assert_eq!(server.raw(chunked.as_bytes()).await.status, 413);
    assert_eq!(server.world.registry.list(None), []);
    assert!(server.world.notes.asked.lock().unwrap().is_empty());
}
