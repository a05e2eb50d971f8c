//! For tests: a log as a shim writes it, with the note of each start.

use super::{LOG, RUNS};
use shim::runs::{self, Run};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

pub(super) struct Written {
    pub(super) folder: tempfile::TempDir,
    pub(super) log: File,
}

impl Written {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join(LOG)).unwrap();
        Self { folder, log }
    }

    pub(super) fn say(&mut self, text: &str) {
        self.log.write_all(text.as_bytes()).unwrap();
    }

    /// As the shim notes it before it makes the process.
    pub(super) fn start(&self, generation: u64) {
        let run = Run {
            generation,
            begin: self.log.metadata().unwrap().len(),
            ..Run::default()
        };
        let options = File::options().create(true).write(true).clone();
        let ring = options.open(self.folder.path().join(RUNS)).unwrap();
        let slot = runs::encode(&run, b"");
        ring.write_all_at(&slot, runs::place(generation)).unwrap();
    }
}
