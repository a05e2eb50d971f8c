//! What of a home this user may not read: who is on record there is not known, which is not nobody.
//!
//! For whoever says who lives. An engine reads its own home and never meets it.

use crate::layout::Layout;
use crate::{intent, user};
use model::ClusterId;
use rustix::fs::{Access, access};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What of the run folders of a home, or of one of its clusters, is not ours to read, in words: what
/// `intent::folders` and `Story::read` take for not there.
pub(crate) fn hidden(layout: &Layout, only: Option<&ClusterId>) -> Option<String> {
    let refused = |path: &Path, how: Access| {
        let Err(rustix::io::Errno::ACCESS) = access(path, how) else {
            return None;
        };
        let owner = fs::metadata(path)
            .ok()
            .and_then(|data| user::name(data.uid()));
        let owner = owner.map_or(String::new(), |name| format!(", it belongs to {name}"));
        Some(format!(
            "{} cannot be read: not permitted{owner}",
            path.display()
        ))
    };
    let list = Access::READ_OK | Access::EXEC_OK;
    let mut open = vec![layout.home().to_owned(), layout.run_root()];
    match only {
        Some(cluster) => open.push(layout.run_cluster(cluster)),
        None => {
            for entry in fs::read_dir(layout.run_root())
                .into_iter()
                .flatten()
                .flatten()
            {
                open.push(entry.path());
            }
        }
    }
    if let Some(why) = open.iter().find_map(|path| refused(path, list)) {
        return Some(why);
    }
    let instances = intent::folders(layout, only)
        .unwrap_or_default()
        .into_iter();
    instances.map(|(_, _, folder)| folder).find_map(|folder| {
        let files = [shim::INTENT, shim::RECORD].map(|name| folder.join(name));
        let mut files = files.iter();
        refused(&folder, list).or_else(|| files.find_map(|file| refused(file, Access::READ_OK)))
    })
}
