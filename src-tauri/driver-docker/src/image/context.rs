//! A folder on its way to the daemon, as a tar that is never whole anywhere.

use super::ignored::Ignored;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Files and folders of a context, at most: more is a mistake, like a home folder.
const MOST: usize = 1_000_000;
/// Most bytes of a `.dockerignore`.
const MOST_IGNORED: u64 = 1 << 20;
/// Pieces on their way. The daemon is slower than the disk, or the other way round.
const PIECES: usize = 16;
/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// What a Dockerfile is called that is no file.
pub(super) const INLINE: &str = ".azora-inline-dockerfile";

/// Why a folder cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The file that says how to build is not there.
    #[error("there is no {name} in {}: it says how to build", folder.display())]
    NoDockerfile {
        /// Its name.
        name: String,
        /// Where it should be.
        folder: PathBuf,
    },
    /// It lies elsewhere.
    #[error("{name} is not within {}: a build uses what is sent from that folder", folder.display())]
    Outside {
        /// Its name.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The list of what is left out has a line that is no pattern.
    #[error("{}:{line}: {why}", file.display())]
    Ignored {
        /// Which file.
        file: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Something in it cannot be read.
    #[error("failed to read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It has too much.
    #[error("{} has more than {MOST} files: a .dockerignore names what the build does not need", .0.display())]
    TooMuch(PathBuf),
    /// The daemon has heard enough; it says why.
    #[error("the daemon has not taken the whole folder")]
    NotTaken,
}

/// What is on its way.
pub(super) type Pieces = mpsc::Receiver<io::Result<Bytes>>;

/// Begins to send a folder. The second ends with what went wrong on the way.
///
/// # Errors
/// What can be told before anything is sent.
pub(super) fn send(
    folder: &Path,
    dockerfile: &str,
    inline: Option<String>,
) -> Result<(Pieces, JoinHandle<Result<(), ContextError>>), ContextError> {
    let (name, place) = (dockerfile.to_owned(), folder.to_owned());
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(dockerfile).components().all(inside) {
        return Err(ContextError::Outside {
            name,
            folder: place,
        });
    }
    if inline.is_none() && !folder.join(dockerfile).is_file() {
        return Err(ContextError::NoDockerfile {
            name,
            folder: place,
        });
    }
    let ignored = ignored(folder, dockerfile)?;
    let (sender, pieces) = mpsc::channel(PIECES);
    let sending = tokio::task::spawn_blocking(move || {
        let failing = sender.clone();
        let sent = pack(&place, &name, inline.as_deref(), &ignored, Pipe(sender));
        if let Err(error) = &sent {
            // The daemon gets no end, and so builds nothing of a half.
            let _ = failing.blocking_send(Err(io::Error::other(error.to_string())));
        }
        sent
    });
    Ok((pieces, sending))
}

/// The pieces as a body is made of.
pub(super) fn stream(mut pieces: Pieces) -> impl Stream<Item = io::Result<Bytes>> {
    poll_fn(move |context| pieces.poll_recv(context))
}

/// The file of the Dockerfile's own goes before the folder's.
fn ignored(folder: &Path, dockerfile: &str) -> Result<Ignored, ContextError> {
    for name in [&format!("{dockerfile}.dockerignore"), ".dockerignore"] {
        let file = folder.join(name);
        let mut text = String::new();
        let read = File::open(&file).and_then(|f| f.take(MOST_IGNORED).read_to_string(&mut text));
        match read {
            Ok(_) => {
                return Ignored::read(&text).map_err(|wrong| ContextError::Ignored {
                    file,
                    line: wrong.line,
                    why: wrong.why,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ContextError::Read(file, error)),
        }
    }
    Ok(Ignored::default())
}

fn pack(
    folder: &Path,
    dockerfile: &str,
    inline: Option<&str>,
    ignored: &Ignored,
    pipe: Pipe,
) -> Result<(), ContextError> {
    let mut tar = tar::Builder::new(BufWriter::with_capacity(PIECE, pipe));
    tar.follow_symlinks(false);
    // Who built it and when changes nothing of what is built, and would change what is kept of it.
    tar.mode(tar::HeaderMode::Deterministic);
    if let Some(text) = inline {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        let added = tar.append_data(&mut header, dockerfile, text.as_bytes());
        added.map_err(|_| ContextError::NotTaken)?;
    }
    let mut open = vec![PathBuf::new()];
    let mut count = 0;
    while let Some(place) = open.pop() {
        let here = folder.join(&place);
        let mut entries: Vec<_> = fs::read_dir(&here)
            .and_then(Iterator::collect::<io::Result<_>>)
            .map_err(|error| ContextError::Read(here.clone(), error))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = place.join(entry.file_name());
            let kind = entry.file_type();
            let kind = kind.map_err(|error| ContextError::Read(entry.path(), error))?;
            // The daemon reads these two itself.
            let told = path == Path::new(dockerfile) || path == Path::new(".dockerignore");
            let out = ignored.has(&path) && !told;
            let above = kind.is_dir() && Path::new(dockerfile).starts_with(&path);
            if kind.is_dir() && (!out || !ignored.is_final() || above) {
                open.push(path.clone());
            }
            // Sockets and the like are no part of what is built.
            if out || !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
                continue;
            }
            count += 1;
            if count > MOST {
                return Err(ContextError::TooMuch(folder.to_owned()));
            }
            let added = tar.append_path_with_name(entry.path(), &path);
            added.map_err(|error| not_sent(entry.path(), error))?;
        }
    }
    let whole = tar.into_inner().and_then(|mut rest| rest.flush());
    whole.map_err(|error| not_sent(folder.to_owned(), error))
}

fn not_sent(path: PathBuf, error: io::Error) -> ContextError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ContextError::NotTaken;
    }
    ContextError::Read(path, error)
}

/// Writes into the body of a request; waits while that is full.
struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let sent = self.0.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names(folder: &Path, dockerfile: &str) -> Result<Vec<String>, ContextError> {
        let (mut pieces, sending) = send(folder, dockerfile, None)?;
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.recv().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => break,
            }
        }
        sending.await.unwrap()?;
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            entry.path().unwrap().to_string_lossy().into_owned()
        });
        let mut names: Vec<String> = names
            .map(|name| name.trim_end_matches('/').into())
            .collect();
        names.sort();
        Ok(names)
    }

    fn write(home: &testkit::Home, name: &str, text: &str) {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[tokio::test]
    async fn a_folder_is_sent_without_what_is_ignored_and_with_what_is_back() {
        let home = testkit::Home::new();
        write(&home, "Dockerfile", "FROM scratch");
        write(&home, ".dockerignore", "**\n!keep/*.txt\n");
        write(&home, "keep/a.txt", "a");
        write(&home, "keep/b.bin", "b");
        write(&home, "target/x", "x");
        std::os::unix::fs::symlink("a.txt", home.path().join("keep/link.txt")).unwrap();
        let names = names(home.path(), "Dockerfile").await.unwrap();
        assert_eq!(
            names,
            [".dockerignore", "Dockerfile", "keep/a.txt", "keep/link.txt"]
        );
    }

    #[tokio::test]
    async fn a_dockerfiles_own_list_goes_before_the_folders() {
        let home = testkit::Home::new();
        write(&home, "d/My.Dockerfile", "FROM scratch");
        write(&home, "d/My.Dockerfile.dockerignore", "d\nb");
        write(&home, ".dockerignore", "a");
        write(&home, "a", "a");
        write(&home, "b", "b");
        let names = names(home.path(), "d/My.Dockerfile").await.unwrap();
        assert_eq!(names, [".dockerignore", "a", "d/My.Dockerfile"]);
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        let home = testkit::Home::new();
        let error = names(home.path(), "Dockerfile")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("there is no Dockerfile in /"), "{error}");
        let error = names(home.path(), "../Dockerfile")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("is not within"), "{error}");
        write(&home, "Dockerfile", "FROM scratch");
        write(&home, ".dockerignore", "a\n[z-a]\n");
        let error = names(home.path(), "Dockerfile")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(".dockerignore:2: "), "{error}");
    }
}
