//! A puppet under another name stands in for the program of that name.
//!
//! It keeps no verbs. It writes what it was started with into the folder `STAND_IN` and hangs, or ends with 0 if one
//! of its arguments stands among the words of `STAND_IN_ENDS`. A start is a line of the file `starts`, in the order in
//! which they came: the instance, the working folder and the words, apart by a unit separator, as JSON has no
//! writer here. The environment, NUL behind each variable, is beside it, named by the instance.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Stands in for whatever this program is called, unless that is `puppet`. Does not return then.
pub(crate) fn unless_puppet() {
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let called = words.first().map(Path::new).and_then(Path::file_name);
    let Some(folder) = std::env::var_os("STAND_IN") else {
        return;
    };
    if called.is_none_or(|name| name == "puppet") {
        return;
    }
    if let Err(error) = record(Path::new(&folder), &words) {
        crate::fail(&format!("failed to say what was started: {error}"));
    }
    let ends = std::env::var("STAND_IN_ENDS").unwrap_or_default();
    if ends
        .split_whitespace()
        .any(|word| words[1..].iter().any(|one| one == word))
    {
        std::process::exit(0);
    }
    crate::hang()
}

fn record(folder: &Path, words: &[String]) -> std::io::Result<()> {
    let told = |name| std::env::var(name).unwrap_or_default();
    let instance = format!("{}.{}", told("AZORA_SERVICE"), told("AZORA_INDEX"));
    let mut environment = Vec::new();
    for (name, value) in std::env::vars_os() {
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            environment.extend_from_slice(part);
        }
    }
    fs::write(folder.join(&instance), environment)?;
    let place = std::env::current_dir()?;
    let mut line = format!("{instance}\x1f{}", place.display());
    for word in words {
        line.push('\x1f');
        line.push_str(word);
    }
    line.push('\n');
    let mut starts = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("starts"))?;
    starts.write_all(line.as_bytes())
}
