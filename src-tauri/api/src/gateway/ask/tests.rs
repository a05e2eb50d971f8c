//! What may be asked, and what is read, with a server of a few lines in the gateway's place.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn wanted(method: &str, path: &str) -> GatewayTry {
    GatewayTry {
        host: "api.shop.localhost".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
        reason: None,
    }
}

fn refused(wanted: GatewayTry) -> String {
    match Question::new("http://127.0.0.1:7422", wanted) {
        Err(Error::BadRequest(why)) => why,
        Err(error) => panic!("{error}"),
        Ok(question) => panic!("{} was taken", question.said()),
    }
}

/// Answers one connection with this and hands over what it was sent.
async fn answering(answer: Vec<u8>) -> (String, JoinSet<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 64 << 10];
        let mut length = 0;
        while !asked[..length].windows(4).any(|four| four == b"\r\n\r\n") {
            length += stream.read(&mut asked[length..]).await.unwrap();
        }
        stream.write_all(&answer).await.unwrap();
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    (address, serving)
}

async fn asked(answer: &[u8]) -> GatewayTried {
    let (address, _serving) = answering(answer.to_vec()).await;
    let question = Question::new(&address, wanted("GET", "/")).unwrap();
    question.ask().await.unwrap().answer
}

#[tokio::test]
async fn a_request_goes_to_the_gateway_under_the_name_of_the_route() {
    let answer = b"HTTP/1.1 201 Created\r\nx-one: 1\r\ncontent-length: 2\r\n\r\nok";
    let (address, mut serving) = answering(answer.to_vec()).await;
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let mut wanted = wanted("POST", "/orders?key=secret");
    wanted.headers = vec![("X-Mine".to_owned(), "yes".to_owned())];
    wanted.body = Some("{}".to_owned());
    let question = Question::new(&address, wanted).unwrap();
    assert!(question.changes());
    assert_eq!(question.said(), "POST api.shop.localhost/orders");
    let tried = question.ask().await.unwrap();
    assert_eq!(tried.said, "answered 201");
    assert_eq!(tried.answer.body.as_deref(), Some("ok"));
    assert_eq!(
        tried.answer.headers[0],
        ("x-one".to_owned(), "1".to_owned())
    );
    assert_eq!((tried.answer.bytes, tried.answer.cut), (2, None));

    let sent = serving.join_next().await.unwrap().unwrap();
    assert!(
        sent.starts_with("POST /orders?key=secret HTTP/1.1\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains(&format!("host: api.shop.localhost:{port}\r\n")),
        "{sent}"
    );
    assert!(sent.contains("x-mine: yes\r\n"), "{sent}");
    assert!(sent.contains("content-length: 2\r\n"), "{sent}");
}

#[test]
fn what_only_reads_changes_nothing() {
    let changes = |method| {
        let question = Question::new("http://127.0.0.1:1", wanted(method, "/")).unwrap();
        question.changes()
    };
    assert!(!changes("GET") && !changes("HEAD") && !changes("OPTIONS"));
    assert!(changes("POST") && changes("PUT") && changes("PATCH") && changes("DELETE"));
    assert!(changes("MAKE"));
}

#[test]
fn what_would_be_two_requests_or_none_is_refused_in_words() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "Upgrade",
        "TE",
    ] {
        let mut wanted = wanted("GET", "/");
        wanted.headers = vec![(name.to_owned(), "1".to_owned())];
        assert!(refused(wanted).contains("leave it out"), "{name}");
    }
    for value in ["a\r\nX-Other: 1", "a\nb", "a\0b"] {
        let mut wanted = wanted("GET", "/");
        wanted.headers = vec![("X-Mine".to_owned(), value.to_owned())];
        assert!(refused(wanted).contains("X-Mine"), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\n"] {
        let mut wanted = wanted("GET", "/");
        wanted.headers = vec![(name.to_owned(), String::new())];
        assert!(refused(wanted).contains("no name of a header"), "{name:?}");
    }
    for method in ["", "G ET", "GET /x HTTP/1.1\r\nA:", "CONNECT"] {
        refused(wanted(method, "/"));
    }
    for path in [
        "",
        "x",
        "http://other.example/",
        "/a b",
        "/a\r\nX: 1",
        "//\0",
    ] {
        refused(wanted("GET", path));
    }
}

#[test]
fn what_is_too_large_says_how_large_it_may_be() {
    assert!(refused(wanted("GET", &format!("/{}", "a".repeat(MAX_PATH)))).contains("8192"));
    let mut body = wanted("POST", "/");
    body.body = Some("a".repeat(MAX_BODY + 1));
    assert!(refused(body).contains("1 MiB"));
    let mut many = wanted("GET", "/");
    many.headers = vec![("a".to_owned(), "b".to_owned()); MAX_HEADERS + 1];
    assert!(refused(many).contains("64"));
    let mut long = wanted("GET", "/");
    long.headers = vec![("a".to_owned(), "b".repeat(MAX_HEADER_BYTES))];
    assert!(refused(long).contains("16384"));
}

#[test]
fn it_goes_nowhere_but_to_this_machine() {
    for gateway in [
        "http://10.0.0.1:80",
        "http://example.org:80",
        "https://127.0.0.1:1",
        "127.0.0.1",
    ] {
        assert!(
            Question::new(gateway, wanted("GET", "/")).is_err(),
            "{gateway}"
        );
    }
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_shown_and_that_it_is_not_all() {
    let length = MAX_ANSWER + 10;
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    answer.extend(std::iter::repeat_n(b'a', length));
    let tried = asked(&answer).await;
    assert_eq!(tried.bytes as usize, MAX_ANSWER);
    assert_eq!(tried.cut.as_deref(), Some("it is longer than 256 KiB"));
    assert_eq!(tried.body.map(|body| body.len()), Some(MAX_ANSWER));
}

#[tokio::test]
async fn what_is_no_text_is_counted_and_not_shown() {
    let tried = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\x89PNG").await;
    assert_eq!((tried.body, tried.bytes, tried.cut), (None, 4, None));
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_so() {
    let tried = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert_eq!(tried.body.as_deref(), Some("half"));
    assert!(tried.cut.unwrap().starts_with("it broke off"), "cut");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_said_with_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let question = Question::new(&address, wanted("GET", "/")).unwrap();
    let error = question.ask().await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("does not answer"), "{error}");
}

#[test]
fn text_that_was_cut_may_end_within_a_character() {
    let euro = "a€".as_bytes();
    assert_eq!(text(euro[..3].to_vec(), true).as_deref(), Some("a"));
    assert_eq!(text(euro[..3].to_vec(), false), None);
    assert_eq!(text(b"a\0b".to_vec(), false), None);
}
