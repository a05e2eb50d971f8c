//! `azora import`: what another program runs, as an `azora.toml`.

use crate::args::{Import, Json};
use crate::definition::{Found, find};
use crate::fail::{Done, Fail};
use crate::terminal::{Terminal, note, plain, print, print_as_it_is};
use engine::definition::{File, companions, files, put_together};
use formats::{Format, Imported, Note, Together};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Prints it, or writes it beside the file.
pub(crate) fn import(here: &Path, arguments: &Import) -> Done {
    let paths = &arguments.paths;
    let paths: Vec<&Path> = match paths.is_empty() {
        true => vec![Path::new(".")],
        false => paths.iter().map(PathBuf::as_path).collect(),
    };
    let found = paths.iter().map(|path| foreign(path, here));
    let found = found.collect::<Done<Vec<Found>>>()?;
    for one in &found {
        // What is wrong with it is shown, with its lines; what it becomes is a definition that can be run.
        let read = one.checked(&spec::Choice::default())?;
        known_profiles(&read.cluster, &found, arguments)?;
    }
    let (imported, left) = match &found[..] {
        [one] => {
            more(one);
            (one.imported(&arguments.profiles, None)?, "is left as it is")
        }
        several => (together(several, arguments)?, "are left as they are"),
    };
    let names: Vec<&str> = found.iter().map(|one| one.file.name.as_str()).collect();
    hand_over(
        &found[0].folder,
        &imported.text,
        &imported.notes,
        (arguments.write, arguments.json),
        &format!(
            "is written, and counts from now on; {} {left}",
            names.join(" and ")
        ),
    )
}

/// The file that is meant, which is none of Azora's own.
fn foreign(path: &Path, here: &Path) -> Done<Found> {
    let mut found = find(Some(path), here)?;
    if !found.named {
        // What the folder has of its own is not what is asked for.
        let foreign = |file: &File| file.format != Format::Azora;
        if let Some(file) = files(&found.folder).into_iter().find(foreign) {
            found.file = file;
        }
    }
    match found.file.format {
        Format::Azora => Err(Fail::usage(format!(
            "{} is an azora.toml already; import is for {}",
            found.label(),
            formats::FILES[1..].join(" and ")
        ))),
        _ => Ok(found),
    }
}

/// Says how what else is in the folder gets into the same definition.
fn more(found: &Found) {
    let command = put_together(&found.folder, &found.file);
    if let Some(command) = command.filter(|_| !found.named) {
        let others = companions(&found.folder, &found.file).join(", ");
        note(&format!(
            "azora: also here: {others}; `{command}` puts them into one definition"
        ));
    }
}

/// Several files of a folder as one definition. Those of compose keep their names, which their containers find each
/// other by, and so come first.
fn together(found: &[Found], arguments: &Import) -> Done<Imported> {
    if let Some(folder) = found.iter().find(|one| !one.named) {
        return Err(Fail::usage(format!(
            "{} is a folder; name its files to put them into one definition",
            plain(&folder.folder.display().to_string())
        )));
    }
    let folder = &found[0].folder;
    if let Some(other) = found.iter().find(|one| one.folder != *folder) {
        return Err(Fail::usage(format!(
            "{} and {} are of two folders, and a definition is that of one; import each by itself",
            plain(&found[0].label()),
            plain(&other.label())
        )));
    }
    let mut ordered: Vec<&Found> = found.iter().collect();
    ordered.sort_by_key(|one| one.file.format != Format::Compose);
    let mut made = Together::default();
    for (at, one) in ordered.iter().enumerate() {
        if ordered[..at].contains(one) {
            return Err(Fail::usage(format!("{} is named twice", one.file.name)));
        }
        let part = one.imported(&arguments.profiles, Some(made.others()))?;
        let clash = |clash: formats::Clash| Fail::definition(plain(&clash.to_string()));
        made.add(&one.file.name, part).map_err(clash)?;
    }
    let made = made.done();
    let read = engine::definition::of_text(folder, &made.text)
        .map_err(|error| Fail::failed(format!("failed to read an env file: {error}")))?;
    match read {
        Ok(_) => Ok(made),
        Err(problems) => Err(found[0].shown(&problems)),
    }
}

/// Refuses a profile that the only file does not have; of several, another one may.
fn known_profiles(cluster: &spec::Cluster, found: &[Found], arguments: &Import) -> Done {
    let asked = spec::Choice {
        profiles: arguments.profiles.clone(),
        ..spec::Choice::default()
    };
    match asked.left_out(cluster) {
        Err(none) if found.len() == 1 => Err(Fail::usage(plain(&none.to_string()))),
        _ => Ok(()),
    }
}

/// Says what there is to know, and prints the definition or writes it.
pub(crate) fn hand_over(
    folder: &Path,
    text: &str,
    notes: &[Note],
    (write_it, json): (bool, Json),
    written: &str,
) -> Done {
    let json = json.json;
    for text in notes.iter().filter(|_| !json) {
        note(&format!("note: {}", plain(&text.to_string())));
    }
    let path = match write_it {
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
        None => {
            print_as_it_is(text.trim_end())?;
            // Who has it on a terminal wants to read it and then to have it.
            if Terminal::stdout().live {
                note("\nazora: nothing is written; --write writes it as azora.toml");
            }
        }
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
