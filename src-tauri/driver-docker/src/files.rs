//! Files that a container has before its first process runs, as a tar for the daemon.

use crate::daemon::{Daemon, Fault, WORK, ask};
use crate::spec::FileIn;
use bollard::query_parameters::UploadToContainerOptionsBuilder;

/// Puts files into a container that was made and not started. Folders on the way are made.
///
/// # Errors
/// When the daemon does not take them.
pub(crate) async fn put(daemon: &Daemon, container: &str, files: &[FileIn]) -> Result<(), Fault> {
    if files.is_empty() {
        return Ok(());
    }
    let packed = pack(files).map_err(|error| Fault::Strange(error.to_string()))?;
    let options = UploadToContainerOptionsBuilder::new()
        .path("/")
        .copy_uidgid("true")
        .build();
    let api = daemon.api();
    let body = bollard::body_full(packed.into());
    ask(
        WORK,
        api.upload_to_container(container, Some(options), body),
    )
    .await
}

fn pack(files: &[FileIn]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let content = file.content.text.reveal().as_bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(u64::from(file.uid));
        header.set_gid(u64::from(file.gid));
        header.set_entry_type(tar::EntryType::Regular);
        let target = file.target.trim_start_matches('/');
        tar.append_data(&mut header, target, content)?;
    }
    tar.into_inner()
}
