//! `azora import`: what another program runs, as an `azora.toml`.

use crate::args::Import;
use crate::definition::find;
use crate::fail::{Done, Fail};
use crate::terminal::{note, plain, print};
use engine::definition::{File, files};
use formats::Format;
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
    for text in &imported.notes {
        note(&format!("note: {}", plain(&text.to_string())));
    }
    if !arguments.write {
        return Ok(print(imported.text.trim_end())?);
    }
    let path = write(&found.folder, &imported.text, "import")?;
    print(&format!(
        "{} is written, and counts from now on; {} is left as it is",
        plain(&path.display().to_string()),
        found.file.name
    ))?;
    Ok(())
}

/// Writes a folder's `azora.toml`, whole or not at all, where there is none. `command` prints it.
pub(crate) fn write(folder: &Path, text: &str, command: &str) -> Done<PathBuf> {
    let path = folder.join(spec::FILE);
    let unwritten = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Fail::failed(format!(
            "{} is there already, and nothing was written; `azora {command}` prints what would be",
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
