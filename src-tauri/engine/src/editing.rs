//! The definition of a cluster as text: read, checked while it is edited, and applied: written back and
//! brought up in one.
//!
//! Only of clusters of this home, which somebody has trusted once. The file is written whole or not at
//! all, and not when it changed since it was read.

use crate::clock::Clock;
use crate::definition::{self, Definition, File as DefinitionFile, With};
use crate::handle::Handle;
use crate::record::{ClusterRecord, cluster_id};
use crate::up::{Up, UpStarted};
use crate::{Error, contents, defined, hidden};
use model::{Actor, ClusterId, ServiceName};
use security::redact::Redactor;
use spec::{Cluster, Diagnostics};
use std::fs::{File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A definition as it lies in its folder.
#[derive(Debug, Clone)]
pub struct Text {
    /// Where.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    /// By which it is known again: another text has another one.
    pub mark: String,
}

/// What an edited definition would do.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// Services it would add.
    pub added: Vec<ServiceName>,
    /// Services it would take away, which are stopped.
    pub removed: Vec<ServiceName>,
    /// Services that would be restarted, and what is different about each.
    pub restarted: Vec<(ServiceName, Vec<String>)>,
    /// Services that would take it on while they run.
    pub adjusted: Vec<(ServiceName, Vec<String>)>,
    /// Things to know that are no mistakes.
    pub notes: Vec<String>,
}

/// Whether an edited definition is right.
#[derive(Debug, Clone)]
pub enum Checked {
    /// It is, and would do this.
    Right(Edit),
    /// It is not.
    Wrong(Diagnostics),
}

impl Handle {
    /// What the definition of a cluster says now, with a numbered mask in the place of each secret: in an edit of
    /// it they come back.
    ///
    /// # Errors
    /// When it is gone, cannot be read, or is not text.
    pub async fn definition_text(&self, cluster: &ClusterId) -> Result<Text, Error> {
        let record = defined::record(&self.shared, cluster).await?;
        blocking(move || {
            let mut text = text_of(&record.folder.join(file_of(&record).name))?;
            let redactor = hidden::redactor(Some(&record.id));
            text.mark = format!("{}-{}", text.mark, redactor.places(&text.text));
            text.text = redactor.veil(&text.text);
            Ok(text)
        })
        .await
    }

    /// Checks an edited definition by the rules of `up`, and says what applying it would do.
    ///
    /// # Errors
    /// When its env files cannot be looked for.
    pub async fn check_definition(
        &self,
        cluster: &ClusterId,
        text: String,
    ) -> Result<Checked, Error> {
        let record = defined::record(&self.shared, cluster).await?;
        let driver = Arc::clone(&self.shared.driver);
        blocking(move || {
            let text = unveiled(&record, text, None)?;
            Ok(match parsed(&record, text)? {
                Ok(mut edited) => {
                    let (folder, env) = (&record.folder, &record.env);
                    edited.cluster = contents::noted(edited.cluster, folder, env, &driver);
                    Checked::Right(compared(&record, edited))
                }
                Err(problems) => Checked::Wrong(problems),
            })
        })
        .await
    }

    /// An edited definition of a cluster, for who wants to try it elsewhere.
    ///
    /// # Errors
    /// [`Error::Definition`] when it has mistakes.
    pub async fn edited_definition(
        &self,
        cluster: &ClusterId,
        text: String,
    ) -> Result<Arc<Cluster>, Error> {
        let record = defined::record(&self.shared, cluster).await?;
        blocking(move || {
            let text = unveiled(&record, text, None)?;
            right(parsed(&record, text)?).map(Arc::new)
        })
        .await
    }

    /// Writes an edited definition, unless the file is not the one any more that was read (`mark`), and
    /// brings the cluster up on it.
    ///
    /// # Errors
    /// That it has mistakes, changed meanwhile, names another cluster, asks for what a person has to allow
    /// ([`Error::Risks`]) or cannot be written; then nothing is done. Or those of [`Handle::up`]; then it is written.
    pub async fn apply_definition(
        &self,
        actor: Actor,
        cluster: &ClusterId,
        text: String,
        mark: String,
        reason: String,
    ) -> Result<UpStarted, Error> {
        if self.shared.cancel.is_cancelled() {
            return Err(Error::Closing);
        }
        let record = defined::record(&self.shared, cluster).await?;
        let (folder, file) = (record.folder.clone(), record.file.clone());
        let id = cluster.clone();
        blocking(move || {
            let text = unveiled(&record, text, Some(&mark))?;
            let edited = right(parsed(&record, text.clone())?)?;
            if cluster_id(&record.folder, &edited.name) != id {
                return Err(Error::Conflict(format!(
                    "this names the cluster {}, which would be another one beside {}; take this one down, \
                     rename it in the file, and bring it up",
                    edited.name, record.definition.name
                )));
            }
            let allowed = crate::risks::allowed(&record.folder, Some(&record));
            crate::risks::refuse(&record.folder, &edited, &allowed, &[])?;
            replace(&record.folder.join(file_of(&record).name), &text, &mark)
        })
        .await?;
        let up = Up {
            folder,
            file,
            trust: false,
            risks: Vec::new(),
            env: None,
            choice: Default::default(),
        };
        self.up(actor, up, reason).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Closing)?
}

fn right(checked: Result<Definition, Diagnostics>) -> Result<Cluster, Error> {
    checked
        .map(|right| right.cluster)
        .map_err(|problems| Error::Definition(definition::shown(&problems)))
}

/// An edit of what [`Handle::definition_text`] showed, with the secrets in it. With the mark of what was shown, it is
/// refused where what is hidden has changed since: the numbers of the places would mean others.
fn unveiled(record: &ClusterRecord, edited: String, mark: Option<&str>) -> Result<String, Error> {
    let name = file_of(record).name;
    // Of a file that is gone nothing is masked.
    let Ok(there) = text_of(&record.folder.join(&name)) else {
        return Ok(edited);
    };
    let redactor = hidden::redactor(Some(&record.id));
    let shown = mark.and_then(|mark| mark.split_once('-'));
    if shown.is_some_and(|(_, places)| places != redactor.places(&there.text))
        && Redactor::has_place(&edited)
    {
        return Err(Error::Conflict(format!(
            "what is hidden in {name} is other than when it was read, and nothing was written; load it again, or copy \
             your edit first"
        )));
    }
    let text = redactor.unveil(&there.text, &edited);
    if Redactor::has_place(&text) && !Redactor::has_place(&there.text) {
        return Err(Error::BadRequest(format!(
            "the edit names a hidden secret that is not in {name}; load it again, and leave places like •••1••• as \
             they are"
        )));
    }
    Ok(text)
}

fn parsed(record: &ClusterRecord, text: String) -> Result<Result<Definition, Diagnostics>, Error> {
    let folder = &record.folder;
    let DefinitionFile { name, format } = file_of(record);
    let with = With::recorded(record);
    let parsed = definition::of_bytes(folder, format, &name, text.into_bytes(), &with);
    parsed.map_err(|source| Error::Folder {
        path: folder.to_owned(),
        source,
    })
}

/// The file that a cluster is defined by, there or gone; where none was named and none is there, the one
/// that would be written.
fn file_of(record: &ClusterRecord) -> DefinitionFile {
    definition::chosen(&record.folder, record.file.as_deref()).unwrap_or_else(DefinitionFile::own)
}

fn compared(record: &ClusterRecord, edited: Definition) -> Edit {
    let Definition {
        cluster: edited,
        mut notes,
        ..
    } = edited;
    let (edited, scaled) = record.clone().as_scaled(Arc::new(edited));
    notes.extend(scaled);
    notes.extend(spec::notes(&edited));
    let mut edit = Edit {
        notes,
        ..Edit::default()
    };
    if edited.name != record.definition.name {
        edit.notes.push(format!(
            "this names the cluster {}: it would be another one, and cannot be applied to {}",
            edited.name, record.definition.name
        ));
    }
    let diff = spec::diff(&record.definition, &edited);
    let (restarted, adjusted) = diff
        .changed
        .into_iter()
        .partition(|(name, _)| diff.restarts.contains(name));
    Edit {
        added: diff.added,
        removed: diff.removed,
        restarted,
        adjusted,
        ..edit
    }
}

fn text_of(path: &Path) -> Result<Text, Error> {
    let path = path.to_owned();
    let unread = |source| Error::Folder {
        path: path.clone(),
        source,
    };
    if let Some(what) = definition::no_file(&path) {
        return Err(unread(io::Error::other(what)));
    }
    let most = spec::limits::MAX_BYTES as u64;
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NoDefinition(folder_of(&path)),
        _ => unread(error),
    })?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    if bytes.len() as u64 > most {
        let large = format!(
            "it is over {} MiB, which is more than a definition may have",
            most >> 20
        );
        return Err(unread(io::Error::other(large)));
    }
    let mark = mark(&bytes);
    let text = String::from_utf8(bytes).map_err(|_| {
        unread(io::Error::other(
            "it is not UTF-8, and cannot be edited here",
        ))
    })?;
    Ok(Text { path, text, mark })
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(file).to_owned()
}

fn mark(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}{:x}", hasher.finish(), bytes.len())
}

/// Puts `text` in the place of the definition that has this mark: whole or not at all, with the same
/// owner and permissions, and where a link leads to. Between the last look and the change of names lies a
/// moment in which an editor's own save is lost; there is no call that does both.
fn replace(file: &Path, text: &str, wanted: &str) -> Result<(), Error> {
    let found = text_of(file)?;
    // Behind the file's own is what was hidden in it.
    let wanted = wanted.split_once('-').map_or(wanted, |(file, _)| file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let changed = || {
        Error::Conflict(format!(
            "{} changed since it was read, and nothing was written; load it again, or copy your edit first",
            name
        ))
    };
    if found.mark != wanted {
        return Err(changed());
    }
    // It is there already, and only has to be brought up.
    if found.text == text {
        return Ok(());
    }
    let unwritten = |path: &Path, source| Error::Home {
        path: path.to_owned(),
        source,
    };
    let path = found.path.canonicalize();
    let path = path.map_err(|source| unwritten(&found.path, source))?;
    let failed = |source| unwritten(&path, source);
    // Another file in its place needs no permission of its own to be written: what somebody has locked
    // stays as it is.
    if std::fs::metadata(&path)
        .map_err(failed)?
        .permissions()
        .readonly()
    {
        return Err(Error::Conflict(format!(
            "{} is read-only, and nothing was written; `chmod u+w` lets it be edited",
            path.display()
        )));
    }
    let beside = path.with_file_name(format!(
        ".{}.{}-{}",
        name,
        std::process::id(),
        Clock::wall().0
    ));
    let written = write(&path, &beside, text).and_then(|()| {
        if text_of(file).is_ok_and(|now| now.mark == wanted) {
            std::fs::rename(&beside, &path).map(|()| true)
        } else {
            Ok(false)
        }
    });
    if !matches!(written, Ok(true)) {
        // It was not put in its place.
        let _ = std::fs::remove_file(&beside);
    }
    match written.map_err(failed)? {
        true => Ok(()),
        false => Err(changed()),
    }
}

fn write(path: &Path, beside: &Path, text: &str) -> io::Result<()> {
    let old = std::fs::metadata(path)?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o7777))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[service.a]\nrun = \"sleep 1\"\n";
    const NEW: &str = "# edited\n[service.a]\nrun = \"sleep 2\"\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(spec::FILE), OLD).unwrap();
        folder
    }

    fn files(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_edit_is_written_whole_with_the_permissions_there_were() {
        let folder = folder();
        let path = folder.path().join(spec::FILE);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let read = text_of(&path).unwrap();
        assert_eq!(read.text, OLD);
        replace(&path, NEW, &read.mark).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), NEW);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(files(folder.path()), [spec::FILE]);
    }

    #[test]
    fn a_file_that_is_read_only_stays_as_it_is() {
        let folder = folder();
        let path = folder.path().join(spec::FILE);
        std::fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        let read = text_of(&path).unwrap();
        let refused = replace(&path, NEW, &read.mark).unwrap_err().story();
        assert!(refused.contains("is read-only"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
        assert_eq!(files(folder.path()), [spec::FILE]);
        // What it says already can be brought up all the same.
        replace(&path, OLD, &read.mark).unwrap();
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_left_as_it_is() {
        let folder = folder();
        let path = folder.path().join(spec::FILE);
        let read = text_of(&path).unwrap();
        std::fs::write(&path, "# theirs\n").unwrap();
        let refused = replace(&path, NEW, &read.mark).unwrap_err();
        assert!(refused.story().contains("changed since it was read"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# theirs\n");
        assert_eq!(files(folder.path()), [spec::FILE]);
    }

    #[test]
    fn a_link_stays_one_and_what_it_leads_to_is_written() {
        let folder = folder();
        let path = folder.path().join(spec::FILE);
        let real = folder.path().join("real.toml");
        std::fs::rename(&path, &real).unwrap();
        std::os::unix::fs::symlink("real.toml", &path).unwrap();
        let read = text_of(&path).unwrap();
        replace(&path, NEW, &read.mark).unwrap();
        assert!(path.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), NEW);
    }

    #[test]
    fn what_is_no_text_or_too_much_is_not_read() {
        let folder = folder();
        let path = folder.path().join(spec::FILE);
        std::fs::write(&path, b"\xff").unwrap();
        let refused = text_of(&path).unwrap_err().story();
        assert!(refused.contains("not UTF-8"), "{refused}");
        std::fs::write(&path, vec![b'#'; spec::limits::MAX_BYTES + 1]).unwrap();
        let refused = text_of(&path).unwrap_err().story();
        assert!(
            refused.contains("more than a definition may have"),
            "{refused}"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(text_of(&path), Err(Error::NoDefinition(_))));
    }
}
