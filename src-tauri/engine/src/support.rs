//! What of a home's own files helps somebody else to understand a fault, as text and without secrets.
//!
//! Asked by the API while an engine runs, which knows what the secrets are, and by `azora support` without one. It
//! refuses to read what services write: their logs belong to whoever runs them.

use crate::{crash, hidden};
use model::view::SupportFile;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of one file, from its end.
const MOST: u64 = 512 << 10;
/// Files of one kind: the newest.
const OF_A_KIND: usize = 5;

/// The engine's logs, the settings, the rules, reports of crashes and of emergency stops, and which files there are.
pub fn files(home: &Path) -> Vec<SupportFile> {
    let mut all = Vec::new();
    for name in [
        "engine.log",
        "engine.log.1",
        "settings.toml",
        "constitution.cedar",
    ] {
        all.extend(read(name.to_owned(), &home.join(name)));
    }
    let crashes = crash::reports(home);
    let stops = listed(&home.join("reports"));
    for path in newest(&crashes).iter().chain(newest(&stops)) {
        let name = path.strip_prefix(home).unwrap_or(path);
        all.extend(read(name.display().to_string(), path));
    }
    all.push(SupportFile {
        name: "home.txt".to_owned(),
        text: listing(home),
    });
    all
}

fn newest(all: &[std::path::PathBuf]) -> &[std::path::PathBuf] {
    &all[all.len().saturating_sub(OF_A_KIND)..]
}

fn listed(folder: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = found.map(|entry| entry.path()).collect();
    all.retain(|path| path.is_file());
    all.sort();
    all
}

/// A file's end; nothing when there is none.
fn read(name: String, path: &Path) -> Option<SupportFile> {
    let text = match tail(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => format!("(it could not be read: {error})\n"),
    };
    let redactor = hidden::redactor(None);
    Some(SupportFile {
        name,
        text: redactor.hide(&text).into_owned(),
    })
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let from = size.saturating_sub(MOST);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(match from {
        0 => text.into_owned(),
        // From the first line that is whole.
        _ => text
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .to_owned(),
    })
}

/// Names, sizes and modes of what lies in the home itself.
fn listing(home: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let found = std::fs::read_dir(home).into_iter().flatten().flatten();
    let mut lines: Vec<String> = found
        .filter_map(|entry| {
            let data = entry.metadata().ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let mode = data.permissions().mode() & 0o7777;
            Some(format!("{name}  mode {mode:o}  {} bytes", data.len()))
        })
        .collect();
    lines.sort();
    lines.join("\n") + "\n"
}

impl crate::Handle {
    /// The same of the home of this engine, without any secret that it knows.
    pub async fn support(&self) -> Result<Vec<SupportFile>, crate::Error> {
        let home = self.shared.layout.home().to_owned();
        let read = tokio::task::spawn_blocking(move || files(&home)).await;
        read.map_err(|_| crate::Error::Closing)
    }
}
