//! `azora init`: a first definition for a folder.

use crate::args::{Import, Init};
use crate::fail::{Done, Fail};
use crate::import::{hand_over, import};
use crate::terminal::{note, plain};
use engine::definition::{File, files};
use formats::Format;
use std::path::Path;

/// Prints it, or writes it.
pub(crate) fn init(here: &Path, arguments: &Init) -> Done {
    let start = here.join(&arguments.path);
    let unread = |error: std::io::Error| {
        Fail::absent(format!("failed to read {}: {error}", start.display()))
    };
    let folder = std::fs::canonicalize(&start).map_err(unread)?;
    let shown = plain(&folder.display().to_string());
    if !folder.is_dir() {
        return Err(Fail::usage(format!(
            "{shown} is a file, and init looks at a folder; `azora import` reads a file"
        )));
    }
    let there = files(&folder);
    if there.iter().any(|file| file.format == Format::Azora) {
        return Err(Fail::failed(format!(
            "{shown} has an {} already; `azora check` reads it",
            spec::FILE
        )));
    }
    let as_import = Import {
        paths: vec![folder.clone()],
        profiles: Vec::new(),
        write: arguments.write,
        json: arguments.json,
    };
    // What runs as it is says more than manifests do.
    if let Some(File { name, .. }) = there.first() {
        note(&format!(
            "azora: {name} says what runs here; this is what it says"
        ));
        return import(&folder, &as_import);
    }
    let proposal = engine::proposal::of_folder(&folder).map_err(unread)?;
    let Some(proposal) = proposal else {
        return Err(Fail::absent(format!(
            "nothing in {shown} says what runs here: no {}, and no package.json, Cargo.toml or pyproject.toml with \
             something to run. An {} of three lines is a beginning:\n\n  \
             [service.web]\n  run = \"node server.js\"\n  port = 3000\n\nAll that can stand in it is in docs/definition.md.",
            formats::FILES[1..].join(", "),
            spec::FILE
        )));
    };
    let written = "is written. Read it and change it; then `azora up`";
    hand_over(
        &folder,
        &proposal.text,
        &proposal.notes,
        (arguments.write, arguments.json),
        written,
    )
}
