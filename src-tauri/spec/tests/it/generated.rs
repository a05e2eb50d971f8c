//! Definitions too large, too deep or too strange to keep as files.

use super::broken::has_place_caret_and_remedy;
use super::refusal;

fn explained(name: &str, bytes: &[u8]) {
    let message = refusal(bytes);
    has_place_caret_and_remedy(name, &message);
    assert!(
        message.len() < 20_000,
        "{name}: {} bytes of message",
        message.len()
    );
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../broken/generated");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, message));
}

#[test]
fn ten_megabytes() {
    let line = "# this is not a definition but something much larger\n";
    explained(
        "ten-megabytes",
        line.repeat(10_000_000 / line.len()).as_bytes(),
    );
}

#[test]
fn deep_lists() {
    let deep = format!(
        "[service.a]\nrun = {}{}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    explained("deep-lists", deep.as_bytes());
}

#[test]
fn deep_tables() {
    let deep = format!(
        "service = {}1{}\n",
        "{ a = ".repeat(50_000),
        " }".repeat(50_000)
    );
    explained("deep-tables", deep.as_bytes());
}

#[test]
fn deep_headers_and_keys() {
    let path = vec!["a"; 100_000].join(".");
    explained("deep-header", format!("[service.{path}]\n").as_bytes());
    explained("deep-key", format!("[service]\n{path} = 1\n").as_bytes());
}

#[test]
fn not_utf8() {
    explained("latin-1", b"[service.api]\nrun = \"caf\xe9 --port 80\"\n");
    explained("stray-byte", b"[service.api]\nrun = \"a\" # \x80\n");
    explained(
        "cut-character",
        "[service.api]\nrun = \"caf\u{e9}"
            .as_bytes()
            .split_last()
            .unwrap()
            .1,
    );
    let utf16: Vec<u8> = "\u{feff}[service.api]\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    explained("utf-16", &utf16);
}

#[test]
fn control_characters() {
    explained("raw-escape", b"[service.api]\nrun = \"a\x1b[31m\"\n");
    explained("raw-nul", b"[service.api]\nrun = \"a\" \0\n");
    explained("lone-return", b"[service.api]\rrun = \"a\"\r");
}

#[test]
fn too_many() {
    let services: String = (0..2_001)
        .map(|n| format!("[service.s{n}]\nrun = \"s\"\n"))
        .collect();
    explained("too-many-services", services.as_bytes());
    let instances: String = (0..51)
        .map(|n| format!("[service.s{n}]\nrun = \"s\"\nreplicas = 100\n"))
        .collect();
    explained("too-many-instances", instances.as_bytes());
    let needs = vec!["\"b\""; 201].join(", ");
    let needs =
        format!("[service.a]\nrun = \"a\"\nneeds = [{needs}]\n\n[service.b]\nrun = \"b\"\n");
    explained("too-many-needs", needs.as_bytes());
    let env: String = (0..501).map(|n| format!("V{n} = \"\"\n")).collect();
    explained(
        "too-many-variables",
        format!("[service.a]\nrun = \"a\"\n[service.a.env]\n{env}").as_bytes(),
    );
}

#[test]
fn long_texts_and_lines() {
    let long = "x".repeat(40_000);
    explained(
        "long-text",
        format!("[service.a]\nrun = \"{long}\"\n").as_bytes(),
    );
    // The place is far into one very long line: only a part of it is shown.
    let line = format!(
        "service = {{ a = {{ env = {{ A = \"{}\" }}, run = 5 }} }}\n",
        "ä".repeat(10_000)
    );
    explained("long-line", line.as_bytes());
    // Both places are in one line, too far apart to be shown as one part of it.
    let line = format!(
        "service = {{ a = {{ run = \"a\", env = {{ A = \"{}\", B = \"\" }}, run = \"b\" }} }}\n",
        "x".repeat(400)
    );
    explained("two-places-in-a-long-line", line.as_bytes());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark() {
    explained(
        "crlf-and-bom",
        "\u{feff}[service.api]\r\nrun = \"node\"\r\nport = \"x\"\r\n".as_bytes(),
    );
}

/// A cycle through all services marks a few edges and names the way.
#[test]
fn a_long_cycle() {
    let services: String = (0..40)
        .map(|n| {
            format!(
                "[service.s{n}]\nrun = \"s\"\nneeds = [\"s{}\"]\n",
                (n + 1) % 40
            )
        })
        .collect();
    explained("long-cycle", services.as_bytes());
}
