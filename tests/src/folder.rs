//! Folders to run: a scratch folder with an `azora.toml` in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A scratch folder under `/tmp` that other users may enter, as a folder of services must be that
/// run as somebody else.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty one.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("azf-")
            .tempdir_in("/tmp")
            .expect("a folder in /tmp");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(folder)
    }

    /// One that defines this cluster.
    pub fn with(definition: &str) -> Self {
        let folder = Self::empty();
        folder.define(definition);
        folder
    }

    /// A copy of a folder of this project, like `examples/real-stack`.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn copy_of(name: &str) -> Self {
        let folder = Self::empty();
        copy(&crate::root().join(name), folder.path());
        folder
    }

    /// Writes the definition anew.
    pub fn define(&self, definition: &str) {
        self.write("azora.toml", definition);
    }

    /// Writes a file of it.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("the folder can be written to");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Three services in a row, asked often so that stories are short: `db`, two of `api`, `web`.
pub const SMALL: &str = r#"
[cluster]
name = "small"

[cluster.defaults]
health = { http = "/health", every = "250ms", timeout = "2s", fail = 2 }
stop = { grace = "2s" }

[service.db]
run = "organ --name db --port $PORT"
category = "data"
port = 0

[service.api]
run = "organ --name api --port $PORT --call http://127.0.0.1:${db.port}"
port = 0
needs = ["db"]
replicas = 2

[service.web]
run = "organ --name web --port $PORT --call http://127.0.0.1:${api.port}"
port = 0
needs = ["api"]
"#;

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", from.display()))
    {
        let entry = entry.expect("the folder reads");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            // What an earlier run left there is no part of it.
            if entry.file_name() != "data" {
                fs::create_dir(&target).expect("the copy can be made");
                copy(&source, &target);
            }
        } else {
            fs::copy(&source, &target).expect("the copy can be made"); // keeps the permissions
        }
    }
}
