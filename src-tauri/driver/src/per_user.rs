//! What all homes of one user on one machine share: a folder that is gone after a reboot, as is all
//! that it speaks of.

use crate::layout::private_folder;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// `/run/user/UID/azora` where that is, else `/tmp/azora-UID`. It is made when it is missing, and
/// refused when it is somebody else's: anybody could have made it in `/tmp` before us.
pub(crate) fn folder() -> io::Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let run = PathBuf::from(format!("/run/user/{uid}"));
    let own = fs::symlink_metadata(&run).is_ok_and(|data| data.is_dir() && data.uid() == uid);
    let folder = match own {
        true => run.join("azora"),
        false => PathBuf::from(format!("/tmp/azora-{uid}")),
    };
    private_folder(&folder)?;
    let data = fs::symlink_metadata(&folder)?;
    if !data.is_dir() || data.uid() != uid {
        return Err(io::Error::other(format!(
            "{} belongs to somebody else",
            folder.display()
        )));
    }
    Ok(folder)
}
