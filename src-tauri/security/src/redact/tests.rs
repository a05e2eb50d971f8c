//! What is hidden, what stays, and that it holds together whatever the text.

use super::*;
use proptest::prelude::*;

fn shown(text: &str) -> String {
    Redactor::default().hide(text).into_owned()
}

const RANDOM: &str = "q7Zt1bX9vLm4Kw2RpD6s";

#[test]
fn what_a_form_a_name_or_a_url_tells_is_hidden_and_nothing_else() {
    let github = format!("ghp_{}", "4kPz9QwX7LmN2vRtY8sB6jHc3FdG1aUeK5oT");
    let cases = [
        (
            format!("pushed with {github} to x"),
            "pushed with ••• to x".to_owned(),
        ),
        (
            format!("url?x=1&api_key={RANDOM}&y=2"),
            "url?x=1&api_key=•••&y=2".to_owned(),
        ),
        (
            "password=hunter2 user=me".to_owned(),
            "password=••• user=me".to_owned(),
        ),
        (
            r#"{"db_password": "correct horse","n":1}"#.to_owned(),
            r#"{"db_password": "•••","n":1}"#.to_owned(),
        ),
        (
            r#"say "{\"token\":\"hunter22x\"}""#.to_owned(),
            r#"say "{\"token\":\"•••\"}""#.to_owned(),
        ),
        (
            format!("Authorization: Bearer {RANDOM}"),
            "Authorization: Bearer •••".to_owned(),
        ),
        (
            "authorization=Basic dXNlcjpwYXNz".to_owned(),
            "authorization=Basic •••".to_owned(),
        ),
        (
            r#""Authorization":"Basic dXNlcjpwYXNz""#.to_owned(),
            r#""Authorization":"Basic •••""#.to_owned(),
        ),
        (format!("got bearer {RANDOM}."), "got bearer •••".to_owned()),
        (
            "at postgres://me:pa55@db/x and".to_owned(),
            "at postgres://me:•••@db/x and".to_owned(),
        ),
        (
            format!("clone https://{RANDOM}@host/x"),
            "clone https://•••@host/x".to_owned(),
        ),
        (
            "run --db-password hunter2 --port 80".to_owned(),
            "run --db-password ••• --port 80".to_owned(),
        ),
        (
            "PGPASSWORD: 's3cret!'".to_owned(),
            "PGPASSWORD: '•••'".to_owned(),
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIx\n-----END RSA PRIVATE KEY-----\nbye".to_owned(),
            "•••\nbye".to_owned(),
        ),
        (
            "saw hV8sK2pQ9xZ4mN7bR3tY6wL1cJ5dF0gA now".to_owned(),
            "saw ••• now".to_owned(),
        ),
    ];
    let list = r#"run = ["sh", "--password", "hunter22x", "--port", "80"]"#;
    let wanted = r#"run = ["sh", "--password", "•••", "--port", "80"]"#;
    assert_eq!(shown(list), wanted);
    for (text, wanted) in cases {
        assert_eq!(shown(&text), wanted, "{text}");
        assert!(Redactor::default().may_hide(text.as_bytes()), "{text}");
        assert_eq!(shown(&wanted), wanted, "twice is once");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "password: required",
        "token = EOF at line 3",
        "invalid token: unexpected character",
        "max_tokens=4096 next_token=12",
        "key: value, author: me",
        "https://host:8080/a@b",
        "http://${USER}:${PASSWORD}@db",
        "PASSWORD=$OTHER token=<your token>",
        "commit 3f9c1a2b3f9c1a2b3f9c1a2b3f9c1a2b3f9c1a2b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id 3b241101-e2bb-4255-8caf-4136c566a962",
        "/usr/lib/x86_64-linux-gnu/libsomething-long-enough.so.1",
        "secret_file=/run/secrets/db token_count=3",
        "PWD=/home/anna/shop OLDPWD=/home/anna/Work-2",
        "secret_in_environment:shop-5cd4bec9:GITHUB_TOKEN",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn a_value_is_hidden_in_every_form_in_which_it_is_written() {
    let value = "it's \"quoted\" & odd/é";
    let redactor = Redactor::new([value], []);
    let json = serde_json::to_string(value).unwrap();
    let percent = form(value);
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    for text in [value.to_owned(), json, percent] {
        let shown = redactor.hide(&text).into_owned();
        assert!(shown.contains(MASK) && !shown.contains("quoted"), "{shown}");
    }
    // Behind a user's name, however long that is.
    for user in ["", "a", "ab", "abc", "abcd"] {
        let encoded = engine.encode(format!("{user}:{value}"));
        let shown = redactor.hide(&encoded).into_owned();
        assert!(shown.contains(MASK), "{encoded} {shown}");
        assert!(shown.len() < 16, "{shown}");
    }
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(redactor.hide(&hex), MASK);
}

fn form(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn a_value_of_several_lines_is_hidden_line_by_line_and_overlapping_ones_together() {
    let redactor = Redactor::new(["first line\nsecond\n}", "abcdef", "defghi"], []);
    assert_eq!(redactor.hide("got first line"), "got •••");
    assert_eq!(redactor.hide("fn x() {}"), "fn x() {}");
    assert_eq!(redactor.hide("xabcdefghix"), "x•••x");
}

#[test]
fn a_word_that_is_a_secret_is_hidden_in_sentences_and_is_still_a_name() {
    let redactor = Redactor::new(["postgres"], ["hunter2", RANDOM]);
    assert_eq!(
        redactor.hide("postgres says no to hunter2"),
        "••• says no to hunter2"
    );
    assert_eq!(redactor.hide_field("postgres"), "postgres");
    assert_eq!(
        redactor.hide(RANDOM),
        MASK,
        "of others what nobody is called"
    );
    assert_eq!(redactor.hide_field(RANDOM), MASK);
}

#[test]
fn strings_of_json_are_hidden_with_the_names_they_have() {
    let redactor = Redactor::new([RANDOM], []);
    let json = format!(
        r#"{{"n":18446744073709551615,"f":1.50,"meta":{{"password":"hunter2","{RANDOM}":1}},"vars":[{{"name":"DB_PASSWORD","value":"pa\"ss"}},{{"name":"HOME","value":"/root"}}],"tokens":["a b","x"],"text":"got \"{RANDOM}\"\n"}}"#
    );
    let hidden = redactor.hide_json(&json).unwrap();
    assert_eq!(
        hidden,
        r#"{"n":18446744073709551615,"f":1.50,"meta":{"password":"•••","•••":1},"vars":[{"name":"DB_PASSWORD","value":"•••"},{"name":"HOME","value":"/root"}],"tokens":["a b","x"],"text":"got \"•••\"\n"}"#
    );
    assert_eq!(redactor.hide_json(&hidden), None);
    assert_eq!(
        redactor.hide_json(r#"{"headers":[["Authorization","Basic dXNlcjpwYXNz"],["a","b"]],"argv":["x","--password","hunter2"]}"#),
        Some(r#"{"headers":[["Authorization","•••"],["a","b"]],"argv":["x","--password","•••"]}"#.to_owned())
    );
    assert_eq!(
        redactor.hide_json(r#"{"state":"ready","n":[1,"two"]}"#),
        None
    );
}

#[test]
fn what_a_cut_leaves_of_a_secret_is_hidden_too() {
    let redactor = Redactor::new(["correct horse battery"], []);
    let piece = |text: &str, front, behind| redactor.hide_piece(text, front, behind).into_owned();
    assert_eq!(piece("it is correct ho", false, true), "it is •••");
    assert_eq!(piece("e battery, it is", true, false), "•••, it is");
    assert_eq!(piece("it is correct ho", false, false), "it is correct ho");
    assert_eq!(piece("x7Zt1bX9vL, y", true, false), "•••, y");
    assert_eq!(piece("sig=x7Zt1bX9vL", false, true), "sig=•••");
    assert_eq!(
        piece("plain words at the end", true, true),
        "plain words at the end"
    );
}

#[test]
fn a_veiled_text_is_edited_and_has_its_secrets_again() {
    let redactor = Redactor::new([RANDOM], []);
    let text = format!("a = \"{RANDOM}\"\nDB_PASSWORD = \"x'y{{z\"\nb = \"{RANDOM}\" # •••1•••\n");
    let shown = redactor.veil(&text);
    assert_eq!(
        shown,
        "a = \"•••2•••\"\nDB_PASSWORD = \"•••3•••\"\nb = \"•••2•••\" # •••1•••\n"
    );
    assert_eq!(redactor.unveil(&text, &shown), text);
    let edited = shown.replace("b =", "c =").replacen("•••2•••", "other", 1);
    let wanted = text.replace("b =", "c =").replacen(RANDOM, "other", 1);
    assert_eq!(redactor.unveil(&text, &edited), wanted);
}

#[test]
fn places_are_known_again_only_as_long_as_the_same_is_hidden() {
    let text = format!("a = \"{RANDOM}\"\nb = \"Alpha-beta-9\"\n");
    let few = Redactor::new([RANDOM], []);
    let more = Redactor::new([RANDOM, "Alpha-beta-9"], []);
    assert_eq!(few.places(&text), Redactor::new([RANDOM], []).places(&text));
    assert_ne!(few.places(&text), more.places(&text));
    assert!(Redactor::has_place(&few.veil(&text)));
    for without in [&text, "", "•••", "a ••• b ••• c", "1 ••• 2", "•••x1•••"]
    {
        assert!(!Redactor::has_place(without), "{without}");
    }
}

#[test]
fn names_folders_addresses_and_versions_are_found_by_whoever_asks_for_them() {
    for name in [
        "shop-2024",
        "my-app-1",
        "shopdev2024",
        "postgres-16",
        "payments-gateway",
        "127.0.0.1",
        "127.0.0.1:18979",
        "v2.10.3-beta1",
        "/home/anna/shop-2024",
        "https://auth.example.com/oauth/token",
        "http://127.0.0.1",
    ] {
        assert!(!distinct(name), "{name}");
        let redactor = Redactor::new([name], [name]);
        assert_eq!(redactor.hide_field(name), name);
    }
    for secret in [
        RANDOM,
        "hunter2Real9",
        "3f9c1a2b7d8e4f60",
        "correct horse battery staple",
        "https://me:s3cret-9@host/",
    ] {
        assert!(distinct(secret), "{secret}");
    }
}

#[test]
fn a_variable_with_the_name_of_a_secret_is_hidden_whatever_its_look() {
    let of = |name: &str, value: &str| {
        let json = format!(r#"[{{"name":"{name}","value":"{value}"}}]"#);
        Redactor::default().hide_json(&json).is_some()
    };
    for (name, value) in [
        ("DB_PASS", "letmein77"),
        ("API_TOKEN", "zx81q"),
        ("API_KEY", "swordfish"),
        ("REDIS_AUTH", "swordfish4"),
        ("REFRESH_TOKEN", "abcdefghijkl"),
    ] {
        assert!(of(name, value), "{name}");
    }
    for (name, value) in [
        ("TOKEN_URL", "https://auth.example.com/oauth/token"),
        ("PASSWORD_HASHER", "argon2id"),
        ("PASSWORD_POLICY", "strong-8"),
        ("API_TOKEN", "5000"),
        ("API_TOKEN", "${TOKEN}"),
        ("SECRET_STORE", "/home/anna/shop"),
        ("BYPASS", "everything"),
    ] {
        assert!(!of(name, value), "{name}");
    }
}

#[test]
fn an_address_under_the_name_of_a_secret_is_an_address() {
    let json = r#"{"urls":{"password":"http://password.shop.localhost:7422/"}}"#;
    assert_eq!(Redactor::default().hide_json(json), None);
}

/// Were each of these places looked at to its end, this would take minutes.
#[test]
fn a_text_of_nothing_but_places_worth_a_look_is_hidden_from_somewhere_on() {
    for piece in ["-eyJ", "token=", "password=", "://a:", "Bearer "] {
        let text = piece.repeat(120_000 / piece.len());
        let _ = Redactor::default().hide(&text);
    }
    let text = "-eyJ".repeat(20_000) + RANDOM;
    assert!(!Redactor::default().hide(&text).contains(RANDOM));
}

#[test]
fn the_default_knows_no_values_and_hides_nothing_of_an_empty_text() {
    assert_eq!(shown(""), "");
    assert!(!Redactor::default().may_hide(b"an ordinary line of a log, with 200 and 12ms"));
}

const PIECES: [&str; 20] = [
    "password",
    "=",
    ":",
    "\"",
    "'",
    "\\",
    " ",
    "é",
    "•••",
    "hunter2",
    "://",
    "a:b@",
    "ghp_",
    "Bearer ",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "key",
    "q7Zt1bX9vLm4Kw2RpD6sq7Zt1bX9vLm4",
    "\n",
    "-",
];

proptest! {
    #[test]
    fn whatever_the_text_it_holds_together(pieces in proptest::collection::vec(0..PIECES.len(), 0..24)) {
        let text: String = pieces.into_iter().map(|nth| PIECES[nth]).collect();
        let redactor = Redactor::new(["hunter2"], []);
        let hidden = redactor.hide(&text);
        prop_assert!(!hidden.contains("hunter2"));
        if hidden != text {
            prop_assert!(redactor.may_hide(text.as_bytes()), "{text:?}");
        }
        let _ = redactor.hide_piece(&text, true, true);
        let json = serde_json::to_string(&[&text]).unwrap();
        if let Some(hidden) = redactor.hide_json(&json) {
            prop_assert!(serde_json::from_str::<Vec<String>>(&hidden).is_ok(), "{hidden}");
        }
    }
}
