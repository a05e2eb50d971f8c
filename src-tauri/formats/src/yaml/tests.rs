//! Documents and what they are read as, mistakes and what is said of them, and files made to be expensive.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Entry, Fields, Files, Kind, MAX_ALIASES, MAX_DEPTH, MAX_NODES, Node, Tag, Value};
use super::{duration, refuse_unknown};
use proptest::prelude::*;
use std::time::Duration;

/// A tree on one line: texts in quotes, everything else bare.
fn written(node: &Node) -> String {
    let tag = match node.tag {
        None => "",
        Some(Tag::Reset) => "!reset ",
        Some(Tag::Override) => "!override ",
    };
    let entry = |entry: &Entry| format!("{}: {}", entry.key, written(&entry.value));
    let kind = match &node.kind {
        Kind::List(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(entries) => {
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Kind::Scalar(scalar) => match scalar.value {
            Value::Null => "null".to_owned(),
            Value::Text => format!("{:?}", scalar.text),
            _ => scalar.words(),
        },
    };
    format!("{tag}{kind}")
}

fn read(text: &str) -> Result<Node, String> {
    read_bytes(text.as_bytes())
}

fn read_bytes(bytes: &[u8]) -> Result<Node, String> {
    let mut files = Files::default();
    let node = files.read("a.yaml", bytes);
    match files.done() {
        Ok(_) => node.ok_or_else(|| "nothing was said".to_owned()),
        Err(wrong) => Err(wrong.render(100, false)),
    }
}

/// What is said, without the drawing: the message, where it is, what is at the caret, and the help.
fn said(text: &str) -> String {
    let mut files = Files::default();
    let _ = files.read("a.yaml", text.as_bytes());
    let Err(wrong) = files.done() else {
        return "nothing is wrong".to_owned();
    };
    let each = wrong.problems().iter().map(|problem| {
        let places: Vec<String> = problem
            .places()
            .iter()
            .map(|place| format!("{}:{} {}", place.line, place.column, place.label))
            .collect();
        let help = problem.remedy().unwrap_or_default();
        format!("{} [{}] {help}", problem, places.join("; "))
    });
    each.collect::<Vec<_>>().join(" | ")
}

#[test]
fn documents_are_read_as_compose_reads_them() {
    let table: &[(&str, &str)] = &[
        ("", "null"),
        ("# only a comment\n", "null"),
        ("a: 1", "{a: 1}"),
        ("a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"),
        ("\u{feff}a: 1", "{a: 1}"),
        ("b: 1\na: 2", "{b: 1, a: 2}"),
        ("- a\n- b", "[\"a\", \"b\"]"),
        ("a:\n- 1\n- 2", "{a: [1, 2]}"),
        ("{a: [1, {b: c}]}", "{a: [1, {b: \"c\"}]}"),
        ("a: \"5\"\nb: 5\nc: '5'", "{a: \"5\", b: 5, c: \"5\"}"),
        (
            "a: ~\nb:\nc: null\nd: ''",
            "{a: null, b: null, c: null, d: \"\"}",
        ),
        ("a: true\nb: False\nc: TRUE", "{a: true, b: false, c: true}"),
        // Words of YAML 1.1 that are none any more.
        (
            "a: yes\nb: no\nc: on\nd: y",
            "{a: \"yes\", b: \"no\", c: \"on\", d: \"y\"}",
        ),
        (
            "a: 0o17\nb: 017\nc: 0x1F\nd: 0b101",
            "{a: 15, b: 15, c: 31, d: 5}",
        ),
        ("a: 0444\nb: 08\nc: 1_000", "{a: 292, b: 8, c: 1000}"),
        ("a: -5\nb: +5\nc: --5", "{a: -5, b: 5, c: \"--5\"}"),
        (
            "a: 1.10\nb: 1.0\nc: .5\nd: 1e3",
            "{a: 1.1, b: 1, c: 0.5, d: 1000}",
        ),
        ("a: 1e6\nb: 0.00001", "{a: 1e+06, b: 1e-05}"),
        ("a: 18446744073709551615", "{a: 18446744073709551615}"),
        ("a: .inf\nb: .nan", "{a: +Inf, b: NaN}"),
        (
            "a: 1.2.3\nb: 8080:80\nc: 1s\nd: 10:30",
            "{a: \"1.2.3\", b: \"8080:80\", c: \"1s\", d: \"10:30\"}",
        ),
        ("80: a\ntrue: b", "{80: \"a\", true: \"b\"}"),
        ("a: |\n  one\n  two\n", "{a: \"one\\ntwo\\n\"}"),
        ("a: >-\n  one\n  two\n", "{a: \"one two\"}"),
        ("a: one\n  two", "{a: \"one two\"}"),
        ("a: \"x\\ty\\u00e9\"", "{a: \"x\\tyé\"}"),
        ("a: é\nb: x", "{a: \"é\", b: \"x\"}"),
        ("a: http://x/#y # comment", "{a: \"http://x/#y\"}"),
        (
            "a: !!str 5\nb: !!int \"5\"\nc: ! 5",
            "{a: \"5\", b: 5, c: \"5\"}",
        ),
        (
            "a: !reset null\nb: !override [1]\nc: !reset",
            "{a: !reset null, b: !override [1], c: !reset null}",
        ),
        ("a: !override\n  b: 1", "{a: !override {b: 1}}"),
        ("a: &x 1\nb: *x", "{a: 1, b: 1}"),
        ("a: &x {b: 1}\nc: *x", "{a: {b: 1}, c: {b: 1}}"),
        ("a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}"),
        ("a: &x k\n*x : 1", "{a: \"k\", k: 1}"),
        (
            "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3",
            "{x: {a: 1, b: 2}, y: {b: 3, a: 1}}",
        ),
        (
            "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y], c: 3}",
            "{x: {a: 1}, y: {a: 2, b: 2}, z: {c: 3, a: 1, b: 2}}",
        ),
        (
            "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}",
            "{x: {a: 1}, y: {b: 2, a: 1}, z: {b: 2, a: 1}}",
        ),
        ("a: {\"<<\": {b: 1}}", "{a: {<<: {b: 1}}}"),
        ("a: {<<: {b: 1}}", "{a: {b: 1}}"),
        ("---\na: 1\n...\n", "{a: 1}"),
        ("%YAML 1.2\n---\na: 1", "{a: 1}"),
        ("? a\n: 1", "{a: 1}"),
        ("a: [1, 2,]", "{a: [1, 2]}"),
        ("a: 1\t# x", "{a: 1}"),
    ];
    for (text, wanted) in table {
        match read(text) {
            Ok(node) => assert_eq!(written(&node), *wanted, "{text:?}"),
            Err(wrong) => panic!("{text:?}\n{wrong}"),
        }
    }
}

#[test]
fn mistakes_say_what_where_and_what_would_be_right() {
    let table: &[(&str, &str)] = &[
        (
            "a:\n\tb: 1",
            "a tab is used to indent [2:1 the tab] YAML is indented with spaces",
        ),
        (
            "a:\n  b: 1\n\tc: 2",
            "a tab is used to indent [3:1 the tab] YAML is indented with spaces",
        ),
        ("a:\t1", "a tab follows a colon [1:3 the tab] write a space"),
        ("a: \"x\nb: 1", "a quote is not closed ["),
        ("a: 'x", "a quote is not closed ["),
        ("a: \"\\q\"", "this escape is not known [1:"),
        (
            "a: [1, 2\nb: 3",
            "a colon stands where no key can be [2:2 here]",
        ),
        (
            "a: {b: 1",
            "a bracket is not closed, or a comma is missing [",
        ),
        (
            "a: ]",
            "a bracket is not closed, or a comma is missing [1:4 ",
        ),
        (
            "a: b: c",
            "a colon stands where no key can be [1:5 here] a text with a colon",
        ),
        (
            "a:\n   b: 1\n  c: 2",
            "this line is not indented like the ones it belongs to [3:3 here]",
        ),
        ("a: 1\n b: 2", "a colon stands where no key can be [2:"),
        ("a\nb: 1", "a colon stands where no key can be [2:2 here]"),
        ("a: \"x\" y", "something follows a text in quotes [1:"),
        (
            "a: @x",
            "a text cannot begin with this character [1:4 here] put the text between quotes",
        ),
        (
            "a: `x`",
            "a text cannot begin with this character [1:4 here] put the text between quotes",
        ),
        (
            "a: *x",
            "this alias names nothing that is before it [1:4 no anchor of that name]",
        ),
        ("a: *", "the name of an anchor or alias is missing [1:"),
        (
            "a: &x [*x]",
            "this alias is part of what it names [1:8 the alias] an alias can only repeat",
        ),
        (
            "a: 1\nb: 2\na: 3",
            "the key `a` is there twice [3:1 the second one; 1:1 the first one] take one of them out",
        ),
        (
            "a: {b: 1, b: 2}",
            "the key `b` is there twice [1:11 the second one; 1:5 the first one]",
        ),
        (
            "<<: {a: 1}\n<<: {b: 1}",
            "the key `<<` is there twice [2:1 ",
        ),
        (
            "é: 1\né: 2",
            "the key `é` is there twice [2:1 the second one; 1:1 the first one]",
        ),
        (
            "a: 1\n---\nb: 2",
            "a second document begins here [2:1 the second one] only one document",
        ),
        ("a: 1\n...\nb: 2", "a second document begins here [3:1 "),
        ("[a, b]: 1", "a key is a word [1:1 this is none]"),
        ("a:\n  {b: c}: 1", "a key is a word [2:3 this is none]"),
        (": 1", "a key is a word [1:1 this is none]"),
        (
            "a: {<<: 5}",
            "`<<` is a number [1:9 not a mapping] `<<` takes a mapping",
        ),
        (
            "a: {<<: [{b: 1}, c]}",
            "`<<` is a text [1:18 not a mapping]",
        ),
        ("a: !Ref b", "the tag `!Ref` is not known [1:"),
        (
            "a: !!binary aGk=",
            "the tag `tag:yaml.org,2002:binary` is not known [1:",
        ),
        ("a: !x!y b", "this tag cannot be read [1:"),
        (
            "- a\nb: 1",
            "the list does not go on with an entry [2:1 here]",
        ),
        ("a: - b", "a list entry stands where none can be [1:4 here]"),
        (
            "a: |x\n  b",
            "the text after | or > cannot be read [1:4 here]",
        ),
        (
            "a: \u{1}",
            "a control character cannot be in a YAML file [1:4 here]",
        ),
        ("%FOO\n", ""),
        (
            "a: 1\n... x",
            "something follows the end of the document [2:5 here]",
        ),
    ];
    let mut wrong = String::new();
    for (text, wanted) in table {
        let said = said(text);
        if !said.starts_with(wanted) {
            wrong += &format!("{text:?}\n  is    {said}\n  wants {wanted}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_mistake_is_shown_in_its_line() {
    let Err(shown) = read("services:\n  web:\n    image: \"nginx\n    ports: [80]\n") else {
        panic!("it is read");
    };
    assert!(shown.contains("a quote is not closed"), "{shown}");
    assert!(shown.contains("a.yaml:"), "{shown}");
    assert!(shown.contains('^'), "{shown}");
}

#[test]
fn what_is_not_text_and_what_is_too_large_is_refused_before_it_is_parsed() {
    let shown = read_bytes(b"a: \xff").unwrap_err();
    assert!(shown.contains("the byte 0xff is not UTF-8"), "{shown}");
    let large = "a: 1\n".repeat(2 << 20);
    let shown = read(&large).unwrap_err();
    assert!(shown.contains("10.0 MiB large"), "{shown}");
}

/// What the documents below would cost is counted before it is paid, so each of them ends at once.
#[test]
fn documents_made_to_be_expensive_end_at_a_limit() {
    let mut laughs = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (name, of) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        let nine = vec![format!("*{of}"); 9].join(", ");
        laughs += &format!("{name}: &{name} [{nine}]\n");
    }
    let long = format!("a: &a {}\nb:\n{}", "x".repeat(500_000), "- *a\n".repeat(40));
    let merges = format!(
        "a: &a {{{}}}\nb:\n{}",
        (0..2_000)
            .map(|n| format!("k{n}: 1"))
            .collect::<Vec<_>>()
            .join(", "),
        "- <<: *a\n".repeat(100),
    );
    // Each is within what all nodes may be, and each copy is kept.
    let nested = format!("a: {}{}", "&x [".repeat(20), "1, ".repeat(50_000)) + &"]".repeat(20);
    let table: &[(&str, String, String)] = &[
        ("laughs", laughs, format!("more than {MAX_NODES} values")),
        ("a long text", long, "more than 4 MiB of text".into()),
        ("merges", merges, format!("more than {MAX_NODES} values")),
        (
            "anchors in anchors",
            nested,
            format!("more than {MAX_NODES} values"),
        ),
        (
            "aliases",
            format!("a: &a 1\nb:\n{}", "- *a\n".repeat(MAX_ALIASES + 1)),
            format!("more than {MAX_ALIASES} aliases"),
        ),
        ("brackets", "[".repeat(100_000), "too deep".into()),
        ("braces", "{a: ".repeat(100_000), "too deep".into()),
        ("dashes", "- ".repeat(100_000), "too deep".into()),
        ("questions", "? ".repeat(100_000), "a key is a word".into()),
        (
            "indentation",
            (0..1_000)
                .map(|n| format!("{}a:\n", " ".repeat(n)))
                .collect(),
            "too deep".into(),
        ),
        (
            "keys",
            (0..120_000).map(|n| format!("{n}:\n")).collect(),
            format!("more than {MAX_NODES} values"),
        ),
        (
            "depth by aliases",
            (1..80).fold("a0: &a0 [1]\n".to_owned(), |text, n| {
                text + &format!("a{n}: &a{n} [*a{}]\n", n - 1)
            }),
            "too deep".into(),
        ),
    ];
    for (name, text, wanted) in table {
        let said = said(text);
        assert!(said.contains(wanted.as_str()), "{name}: {said}");
    }
}

#[test]
fn what_is_just_within_the_limits_is_read() {
    let deep = "[".repeat(MAX_DEPTH - 1) + &"]".repeat(MAX_DEPTH - 1);
    read(&deep).unwrap();
    let wide: String = (0..MAX_NODES / 2 - 1).map(|n| format!("{n}:\n")).collect();
    read(&wide).unwrap();
}

#[test]
fn keys_are_read_as_what_they_take() {
    let mut files = Files::default();
    let text = "name: web\nport: 80\non: \"yes\"\nwait: 1m30s\nload: 0.5\nimag: x\nx-own: 1\nlist: a\nempty:\n";
    let node = files.read("a.yaml", text.as_bytes()).unwrap();
    let mut fields = Fields::of(&node, "services.web", &mut files).unwrap();
    assert_eq!(fields.text("name", &mut files).as_deref(), Some("web"));
    assert_eq!(fields.text("port", &mut files).as_deref(), Some("80"));
    assert_eq!(fields.integer("port", &mut files), Some(80));
    assert_eq!(fields.boolean("on", &mut files), Some(true));
    assert_eq!(
        fields.duration("wait", &mut files),
        Some(Duration::from_secs(90))
    );
    assert_eq!(fields.number("load", &mut files), Some(0.5));
    assert_eq!(fields.texts("list", &mut files), Some(vec!["a".to_owned()]));
    assert!(fields.get("empty").is_none());
    assert!(fields.entry("empty").is_some());
    assert!(fields.get("absent").is_none());
    let unread: Vec<&Entry> = fields.unread().collect();
    assert_eq!(unread.len(), 1);
    refuse_unknown(
        fields.path(),
        unread[0],
        ["image", "ports"].into_iter(),
        &mut files,
    );
    let mut again = Fields::of(&node, "services.web", &mut files).unwrap();
    assert_eq!(again.integer("name", &mut files), None);
    assert_eq!(again.boolean("wait", &mut files), None);
    assert_eq!(again.entries().len(), 9);
    assert_eq!(files.named(unread[0].at), "a.yaml:6");
    files.note(unread[0].at, "to be known");
    assert!(!files.is_fine());
    let shown = files.done().unwrap_err().render(100, false);
    for wanted in [
        "the key `imag` is not known in `services.web`",
        "did you mean `image`?",
        "services.web.name is `web`",
        "it takes a whole number",
        "services.web.wait is `1m30s`",
        "it takes true or false",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
}

#[test]
fn durations_are_those_of_go() {
    let table: &[(&str, Option<u64>)] = &[
        ("5s", Some(5_000)),
        ("1m30s", Some(90_000)),
        ("1.5h", Some(5_400_000)),
        ("300ms", Some(300)),
        ("2d", Some(172_800_000)),
        ("0", Some(0)),
        ("", None),
        ("5", None),
        ("s", None),
        ("-5s", None),
        ("5 s", None),
        ("5x", None),
        ("1e9s", None),
        ("99999999999999h", None),
        ("1.2.3s", None),
    ];
    for (text, wanted) in table {
        assert_eq!(
            duration(text),
            wanted.map(Duration::from_millis),
            "{text:?}"
        );
    }
}

proptest! {
    /// Whatever stands in a file, it is read or refused.
    #[test]
    fn nothing_panics(text in "[-a:&*!<>|\"'{}\\[\\],?%#@ \t\n\r0é]{0,80}") {
        let _ = read(&text);
    }
}
