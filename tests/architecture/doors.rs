//! What every file begins with, how long it is, and what it must not say.

use crate::sources::{Source, rust, sources};
use crate::{finds, none};

/// No file has more lines. Then it holds more than one concern, or a list that belongs apart.
const LONG: usize = 500;

/// Included into a build script, where `//!` is no Rust: its sign is an ordinary comment.
const INCLUDED: [&str; 1] = ["src-tauri/api/src/command_names.rs"];

/// Every file without a door sign, and every crate root whose sign says next to nothing.
fn unsigned(files: &[Source]) -> Vec<String> {
    files
        .iter()
        .filter_map(|file| {
            let mark = if INCLUDED.contains(&file.path.as_str()) { "//" } else { "//!" };
            let sign: String = file
                .text
                .lines()
                .skip_while(|line| line.trim().is_empty())
                .map_while(|line| line.strip_prefix(mark))
                .collect::<Vec<_>>()
                .join(" ");
            let words = sign.split_whitespace().count();
            let is_root = ["/src/lib.rs", "/src/main.rs"].iter().any(|end| file.path.ends_with(end));
            match words {
                0 => Some(format!("{}: no door sign (//! on the first line)", file.path)),
                1..8 if is_root => Some(format!(
                    "{}: the door sign says too little: what is it for, who calls it, what does it refuse?",
                    file.path
                )),
                _ => None,
            }
        })
        .collect()
}

/// Every lint that is switched off for good. The word is put together so that this file is clean.
fn silenced(files: &[Source]) -> Vec<String> {
    let words = [["#[", "allow("].concat(), ["#![", "allow("].concat()];
    found(files, |line| {
        words.iter().any(|word| line.contains(word.as_str()))
    })
    .map(|place| {
        format!("{place}: say #[expect(lint, reason = \"…\")], which ends when the reason does")
    })
    .collect()
}

/// What may hold unsafe code: those that deal with bare processes, everything in `tests`, and the
/// app's first lines, which set a variable for WebKitGTK before there are threads.
const UNSAFE: [&str; 6] = [
    "src-tauri/web_view.rs:",
    "src-tauri/driver/",
    "src-tauri/shim/",
    "src-tauri/organ/",
    "src-tauri/testkit/",
    "tests/",
];

/// Unsafe code outside the crates that may hold it.
fn unsafe_elsewhere(files: &[Source]) -> Vec<String> {
    let word = ["unsafe", "_code"].concat();
    found(files, |line| line.contains(&word))
        .filter(|place| !UNSAFE.iter().any(|folder| place.starts_with(folder)))
        .map(|place| format!("{place}: unsafe code belongs to driver and shim"))
        .collect()
}

/// Every file with more lines than one may have.
fn long(files: &[Source]) -> Vec<String> {
    files
        .iter()
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|(lines, _)| *lines > LONG)
        .map(|(lines, path)| {
            format!("{path}: {lines} lines, and {LONG} is the most: split it by concern")
        })
        .collect()
}

/// Every file that is written by hand: Rust, the UI, and the scripts of its tests.
fn written() -> Vec<Source> {
    let mut files = rust();
    files.extend(sources("ui/src", &[".ts", ".svelte", ".css"]));
    files.extend(sources("ui/tests", &[".ts", ".mjs"]));
    files.extend(sources("tests", &[".mjs"]));
    files.retain(|file| !file.path.ends_with("generated.ts"));
    files
}

/// Where lines are that are not comments and `wanted`: `path:line`.
fn found(files: &[Source], wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
    let mut places = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            if !line.trim_start().starts_with("//") && wanted(line) {
                places.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    places.into_iter()
}

#[test]
fn every_module_has_a_door_sign() {
    none(unsigned(&rust()));
}

#[test]
fn no_lint_is_switched_off_for_good() {
    none(silenced(&rust()));
}

#[test]
fn unsafe_code_is_in_driver_and_shim() {
    none(unsafe_elsewhere(&rust()));
}

#[test]
fn no_file_is_long() {
    let files = written();
    let mut lengths: Vec<(usize, &str)> = files
        .iter()
        .map(|file| (file.text.lines().count(), file.path.as_str()))
        .collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let total: usize = lengths.iter().map(|(lines, _)| lines).sum();
    println!("{} files, {total} lines; the longest:", lengths.len());
    for (lines, path) in lengths.iter().take(8) {
        println!("{lines:6} {path}");
    }
    none(long(&files));
}

#[test]
fn what_was_put_there_is_found() {
    let bad = ["#[", "allow(dead_code)]\nfn f() {}"].concat();
    let files = [
        Source::made("src-tauri/x/src/lib.rs", "//! x\n"),
        Source::made("src-tauri/x/src/y.rs", "use std::fmt;\n"),
        Source::made("src-tauri/x/src/z.rs", &bad),
        Source::made(
            "src-tauri/engine/src/z.rs",
            &["#![expect(unsafe", "_code)]"].concat(),
        ),
        Source::made("ui/src/long.ts", &"a();\n".repeat(LONG + 1)),
        Source::made("ui/src/short.ts", &"a();\n".repeat(LONG)),
    ];
    finds(
        &unsigned(&files),
        "src-tauri/x/src/lib.rs: the door sign says too little",
    );
    finds(&unsigned(&files), "src-tauri/x/src/y.rs: no door sign");
    finds(&silenced(&files), "src-tauri/x/src/z.rs:1");
    finds(&unsafe_elsewhere(&files), "src-tauri/engine/src/z.rs:1");
    finds(&long(&files), "ui/src/long.ts: 501 lines");
    assert_eq!(long(&files).len(), 1);
}
