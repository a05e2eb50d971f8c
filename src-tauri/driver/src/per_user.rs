//! What all homes of one user on one machine share: a folder that is gone after a reboot, as is all
//! that it speaks of.

use crate::layout::{Layout, private_folder};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where a home finds what it shares with the others of its user.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// Why it is shared with no other home; `None` when it is.
    pub(crate) alone: Option<String>,
}

impl Place {
    /// What is not promised here, in words for people.
    pub(crate) fn not_promised(&self) -> Option<String> {
        let why = self.alone.as_deref()?;
        Some(format!(
            "ports are not shared with other homes of this user ({why}): two of them may choose the \
             same one, and neither sees what the other runs"
        ))
    }
}

/// `/run/user/UID/azora` where that is, else `/tmp/azora-UID`.
fn path() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let run = PathBuf::from(format!("/run/user/{uid}"));
    let own = fs::symlink_metadata(&run).is_ok_and(|data| data.is_dir() && data.uid() == uid);
    match own {
        true => run.join("azora"),
        false => PathBuf::from(format!("/tmp/azora-{uid}")),
    }
}

/// The folder that is shared. It is made when it is missing, and refused when it is somebody else's:
/// anybody could have made it in `/tmp` before us.
pub(crate) fn folder() -> io::Result<PathBuf> {
    let folder = path();
    own(&folder)?;
    Ok(folder)
}

/// The same, or a folder of this home alone where that cannot be had: nobody else is to be able to
/// keep an engine from starting.
///
/// # Errors
/// When there is neither, with the home's own folder.
pub(crate) fn place(layout: &Layout) -> Result<Place, (PathBuf, io::Error)> {
    place_at(path(), layout)
}

fn place_at(shared: PathBuf, layout: &Layout) -> Result<Place, (PathBuf, io::Error)> {
    let Err(why) = own(&shared) else {
        return Ok(Place {
            folder: shared,
            alone: None,
        });
    };
    let folder = layout.unshared();
    own(&folder).map_err(|error| (folder.clone(), error))?;
    Ok(Place {
        folder,
        alone: Some(format!("{}: {why}", shared.display())),
    })
}

/// Makes a folder if it is missing; it is ours.
fn own(folder: &Path) -> io::Result<()> {
    private_folder(folder)?;
    let data = fs::symlink_metadata(folder)?;
    if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it is not a folder of this user"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{PortWish, Ports};

    #[test]
    fn a_folder_of_somebody_elses_is_done_without() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        // A folder of ours, and a name of it that anybody may have made.
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        let place = place_at(real.clone(), &layout).unwrap();
        assert_eq!((place.folder, place.alone), (real.clone(), None));
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let mut others = vec![link, file];
        if rustix::process::geteuid().is_root() {
            let foreign = home.path().join("foreign");
            fs::create_dir(&foreign).unwrap();
            std::os::unix::fs::chown(&foreign, Some(1), None).unwrap();
            others.push(foreign);
        } else {
            others.push("/tmp".into());
        }
        for other in others {
            let place = place_at(other.clone(), &layout).unwrap();
            assert_eq!(place.folder, layout.unshared());
            let why = place.alone.unwrap();
            assert!(why.starts_with(&format!("{}: ", other.display())), "{why}");
        }
        // With neither, it is said which is missing.
        let layout = Layout::new(home.path().join("file/home"));
        let (named, _) = place_at(home.path().join("link"), &layout).unwrap_err();
        assert_eq!(named, layout.unshared());
    }

    #[test]
    fn a_home_whose_ports_are_not_shared_keeps_its_own_and_says_so() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        let foreign = home.path().join("file");
        fs::write(&foreign, "").unwrap();
        let open = || Ports::open_at(&layout, place_at(foreign.clone(), &layout)).unwrap();
        let ports = open();
        let said = ports.not_promised().unwrap();
        assert!(said.contains(&foreign.display().to_string()), "{said}");
        let grant = |ports: &Ports, instance: &str, preferred| {
            let wish = PortWish {
                cluster: "shop-00000000".parse().unwrap(),
                instance: instance.parse().unwrap(),
                preferred,
                exact: false,
            };
            let grants = ports.grant(&[wish], |_, _| Vec::new(), |_, _| false);
            grants.unwrap().remove(0)
        };
        let port = grant(&ports, "a.0", 0).port;
        assert!(grant(&open(), "b.0", port).moved.is_some());
        assert_eq!(Ports::open(&layout).unwrap().not_promised(), None);
    }
}
