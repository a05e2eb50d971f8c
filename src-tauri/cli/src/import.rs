//! `azora import`: what another program runs, as an `azora.toml`.

use crate::args::Import;
use crate::definition::find;
use crate::fail::{Done, Fail};
use crate::terminal::{note, plain, print};
use engine::definition::{File, files};
use formats::{Format, Note};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Prints it, or writes it beside the file.
pub(crate) fn import(here: &Path, arguments: &Import) -> Done {
    let mut found = find(Some(&arguments.path), here)?;
    if !found.named {
        // What the folder has of its own is not what is asked for.
        let foreign = |file: &File| file.format != Format::Azora;
        if let Some(file) = files(&found.folder).into_iter().find(foreign) {
            found.file = file;
        }
    }
    if found.file.format == Format::Azora {
        return Err(Fail::usage(format!(
            "{} is an azora.toml already; import is for {}",
            found.label(),
            formats::FILES[1..].join(" and ")
        )));
    }
    // What is wrong with it is shown, with its lines; what it becomes is a definition that can be run.
    found.checked()?;
    let imported = found.imported()?;
    hand_over(
        &found.folder,
        &imported.text,
        &imported.notes,
        arguments,
        &format!(
            "is written, and counts from now on; {} is left as it is",
            found.file.name
        ),
    )
}

/// Says what there is to know, and prints the definition or writes it.
pub(crate) fn hand_over(
    folder: &Path,
    text: &str,
    notes: &[Note],
    asked: &Import,
    written: &str,
) -> Done {
    let json = asked.json.json;
    for text in notes.iter().filter(|_| !json) {
        note(&format!("note: {}", plain(&text.to_string())));
    }
    let path = match asked.write {
        true => Some(write(folder, text)?),
        false => None,
    };
    let path = path.map(|path| path.display().to_string());
    if json {
        let notes = notes.iter();
        let notes: Vec<serde_json::Value> = notes
            .map(
                |note| serde_json::json!({"file": note.file, "line": note.line, "says": note.says}),
            )
            .collect();
        let said = serde_json::json!({"definition": text, "notes": notes, "written": path});
        return Ok(print(&said.to_string())?);
    }
    match path {
        Some(path) => print(&format!("{} {written}", plain(&path)))?,
        None => print(text.trim_end())?,
    }
    Ok(())
}

/// Writes a folder's `azora.toml`, whole or not at all, where there is none.
fn write(folder: &Path, text: &str) -> Done<PathBuf> {
    let path = folder.join(spec::FILE);
    let unwritten = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Fail::failed(format!(
            "{} is there already, and nothing was written; without --write it is printed",
            path.display()
        )),
        _ => Fail::failed(format!("failed to write {}: {error}", path.display())),
    };
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(unwritten)?;
    let written = file.write_all(text.as_bytes());
    if let Err(error) = written.and_then(|()| file.sync_all()) {
        // Half of it would count before the file it was made from.
        let _ = std::fs::remove_file(&path);
        return Err(unwritten(error));
    }
    Ok(path)
}
