//! Files and folders that Azora acts by: whose they are and who may write them, each looked at once.

use crate::record::ClusterRecord;
use crate::shared::Shared;
use model::ClusterId;
use security::{File, FileRole};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders above one that are looked at.
const DEPTH: usize = 32;
/// Files that are looked at: far more than a home has.
const MOST: usize = 20_000;
/// Keys and tokens of a home. What is not there is not looked at.
const KEYS: [&str; 3] = ["token", "secret.key", "ledger.key"];
/// Azora's own programs that services are run by.
const PARTS: [&str; 2] = ["azora-shim", "azora-relay"];
/// Where a home's rules are.
const CONSTITUTION: &str = "constitution.cedar";

/// See the module.
#[derive(Default)]
pub(super) struct Files(BTreeMap<PathBuf, Option<File>>);

impl Files {
    /// Those of the home and of Azora itself.
    pub(super) fn of_home(shared: &Shared) -> Self {
        let mut files = Self::default();
        let (home, programs) = (shared.layout.home(), &shared.config.programs);
        files.add(home, FileRole::Home, None);
        files.add(&shared.layout.settings(), FileRole::Settings, None);
        files.add(&home.join(CONSTITUTION), FileRole::Constitution, None);
        for key in KEYS {
            files.add(&home.join(key), FileRole::Key, None);
        }
        files.add(programs, FileRole::Part, None);
        for part in PARTS {
            files.add(&programs.join(part), FileRole::Part, None);
        }
        files
    }

    /// Those of a cluster: its definition and what that is read with, the folder, and those above it.
    pub(super) fn of_cluster(&mut self, record: &ClusterRecord, defining: &[PathBuf]) {
        let cluster = Some(&record.id);
        for path in defining {
            self.add(path, FileRole::Definition, cluster);
        }
        self.add(&record.folder, FileRole::Folder, cluster);
        for above in record.folder.ancestors().skip(1).take(DEPTH) {
            self.add(above, FileRole::Above, None);
        }
        for service in record.definition.services.values() {
            for secret in service.secrets.values() {
                if let spec::Secret::File(path) = secret {
                    self.add(&record.folder.join(path), FileRole::Secret, cluster);
                }
            }
        }
    }

    /// Looks at one, if it is there and was not looked at.
    pub(super) fn add(&mut self, path: &Path, role: FileRole, cluster: Option<&ClusterId>) {
        if self.0.contains_key(path) || self.0.len() >= MOST {
            return;
        }
        let found = std::fs::metadata(path).ok().map(|found| File {
            path: model::text::harmless(&path.display().to_string(), 300),
            role,
            cluster: cluster.cloned(),
            mode: found.mode() & 0o7777,
            user: found.uid(),
            group: found.gid(),
            folder: found.is_dir(),
        });
        self.0.insert(path.to_owned(), found);
    }

    /// Those that are there.
    pub(super) fn all(self) -> Vec<File> {
        self.0.into_values().flatten().collect()
    }
}
