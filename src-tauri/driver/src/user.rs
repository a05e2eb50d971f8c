//! Users by name or number: whom to become, and the environment that goes with it.
#![expect(
    unsafe_code,
    reason = "the C library alone knows all sources of users (files, LDAP, …)"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

/// A user as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// Why a user cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("there is no user {0} on this machine")]
    Unknown(String),
    #[error("only root can run a service as another user ({0}); this engine runs as user {1}")]
    NotRoot(String, u32),
    #[error("look up the user {0}")]
    Lookup(String, #[source] io::Error),
}

impl User {
    /// Sets `HOME`, `USER`, `LOGNAME` and `SHELL`.
    pub(crate) fn set_env(&self, env: &mut BTreeMap<String, String>) {
        for (key, value) in [
            ("HOME", &self.home),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
            ("SHELL", &self.shell),
        ] {
            env.insert(key.to_owned(), value.clone());
        }
    }
}

/// Whom to become for `user =`. `None` when that is who we are already.
pub(crate) fn resolve(user: &str) -> Result<Option<User>, UserError> {
    let found = find(user)?;
    let own = rustix::process::geteuid().as_raw();
    if found.uid == own {
        return Ok(None);
    }
    if own != 0 {
        return Err(UserError::NotRoot(user.to_owned(), own));
    }
    Ok(Some(found))
}

/// The user this process runs as.
pub(crate) fn current() -> Option<User> {
    find(&rustix::process::geteuid().as_raw().to_string()).ok()
}

/// The name that belongs to a number.
pub(crate) fn name(uid: u32) -> Option<String> {
    find(&uid.to_string()).ok().map(|user| user.name)
}

fn find(user: &str) -> Result<User, UserError> {
    let unknown = || UserError::Unknown(user.to_owned());
    let lookup = |error| UserError::Lookup(user.to_owned(), error);
    let name = CString::new(user).map_err(|_| unknown())?;
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    // Entries are a few hundred bytes; large groups do not come in here.
    let mut space = vec![0_u8; 64 * 1024];
    // SAFETY: every pointer is to a live place of the size told; the result is used only while
    // `space`, which it points into, lives.
    let code = unsafe {
        let (at, length) = (space.as_mut_ptr().cast(), space.len());
        match user.parse::<u32>() {
            Ok(uid) => libc::getpwuid_r(uid, entry.as_mut_ptr(), at, length, &raw mut found),
            Err(_) => libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                at,
                length,
                &raw mut found,
            ),
        }
    };
    if code != 0 {
        return Err(lookup(io::Error::from_raw_os_error(code)));
    }
    if found.is_null() {
        return Err(unknown());
    }
    // SAFETY: not null, so the call has filled the entry.
    let entry = unsafe { entry.assume_init() };
    // SAFETY: the entry's texts are zero-terminated and lie in `space`.
    let text =
        |at: *const libc::c_char| unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned();
    Ok(User {
        name: text(entry.pw_name),
        uid: entry.pw_uid,
        gid: entry.pw_gid,
        groups: groups(entry.pw_name, entry.pw_gid).map_err(lookup)?,
        home: text(entry.pw_dir),
        shell: text(entry.pw_shell),
    })
}

fn groups(name: *const libc::c_char, gid: u32) -> io::Result<Vec<u32>> {
    // NGROUPS_MAX of Linux.
    let mut count: libc::c_int = 65_536;
    let mut groups = vec![0_u32; 65_536];
    // SAFETY: the name is a zero-terminated text of the caller's entry; the list has as many
    // places as `count` says.
    let found = unsafe { libc::getgrouplist(name, gid, groups.as_mut_ptr(), &raw mut count) };
    let found = usize::try_from(found).map_err(|_| io::Error::other("too many groups"))?;
    groups.truncate(found);
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_number() {
        let root = find("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(find("0").unwrap(), root);
        assert_eq!(
            find("no-such-user").unwrap_err().to_string(),
            "there is no user no-such-user on this machine"
        );
    }

    #[test]
    fn only_root_becomes_somebody_else() {
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(resolve(&own.to_string()).unwrap(), None);
        if own != 0 {
            assert!(matches!(resolve("root"), Err(UserError::NotRoot(..))));
        }
    }
}
