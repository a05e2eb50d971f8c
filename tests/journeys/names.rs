//! Names of clusters, and programs that register themselves under them.

use tests::{Azora, Folder, http};

const MAIL: &str = r#"
[service.mail]
run = "organ --name mail --port $PORT"
port = 0
ready = { http = "/health" }
"#;

const OTHER: &str = r#"
[service.other]
run = "organ --name other --port $PORT"
port = 0
ready = { http = "/health" }
"#;

fn code(azora: &Azora, method: &str, path: &str, body: &str) -> u16 {
    let answer = http::ask(azora.registry(), method, path, body);
    answer.expect("the registry answers").code
}

#[test]
fn a_program_that_had_the_name_gives_way_and_gets_it_no_more() {
    let (folder, other) = (Folder::with(MAIL), Folder::with(OTHER));
    let azora = Azora::new();
    azora.up(other.path());
    let old = r#"{"name": "mail", "port": 9, "ttl": 3600, "id": "old"}"#;
    assert_eq!(code(&azora, "POST", "/register", old), 201);
    azora.up(folder.path());
    let mail = azora.instance(folder.path(), "mail.0");
    assert_eq!(azora.listed("mail"), [mail.port]);
    let events = azora
        .json(folder.path(), &["events", "-n", "1000"])
        .to_string();
    let said = "mail at http://127.0.0.1:9, which had registered itself, is off the registry";
    assert!(events.contains(said), "{events}");
    let heartbeat = "/services/mail/old/heartbeat";
    assert_eq!(code(&azora, "PUT", heartbeat, ""), 409);

    azora.ok(folder.path(), &["down"]);
    assert_eq!(azora.listed("mail"), [] as [u16; 0]);
    assert_eq!(code(&azora, "POST", "/register", old), 409);
}
