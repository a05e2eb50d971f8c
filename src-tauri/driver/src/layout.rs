//! Where things lie in a home. Paths only; [`Layout::create`] alone touches the disk.

use model::{ClusterId, InstanceId};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A home (`AZORA_HOME`): one engine at a time, all its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(PathBuf);

impl Layout {
    /// The home at `path`, which need not exist yet. Links on the way are followed, so that one
    /// folder has one name however it is spelled.
    pub fn new(path: impl AsRef<Path>) -> Layout {
        let path = std::path::absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned());
        for known in path.ancestors() {
            if let (Ok(real), Ok(rest)) = (known.canonicalize(), path.strip_prefix(known)) {
                // Joining an empty rest would add a slash.
                return Layout(if rest.as_os_str().is_empty() {
                    real
                } else {
                    real.join(rest)
                });
            }
        }
        Layout(path)
    }

    /// The home that the environment names: `AZORA_HOME`, else `$XDG_STATE_HOME/azora`, else
    /// `~/.local/state/azora`. `None` when not even `HOME` is set.
    pub fn from_env() -> Option<Layout> {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let path = var("AZORA_HOME").map(PathBuf::from).or_else(|| {
            let state = var("XDG_STATE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| Some(PathBuf::from(var("HOME")?).join(".local/state")))?;
            Some(state.join("azora"))
        })?;
        Some(Layout::new(path))
    }

    /// Makes the home and its folders, open to nobody else.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub fn create(&self) -> io::Result<()> {
        for folder in ["", "clusters", "run", "logs", "reports"] {
            private_folder(&self.0.join(folder))?;
        }
        // One that was there before may be open to others, and SQLite's files in it would be too.
        let mode = std::fs::metadata(&self.0)?.permissions().mode();
        if mode & 0o077 != 0 {
            let own = std::fs::Permissions::from_mode(mode & 0o700);
            std::fs::set_permissions(&self.0, own)?;
        }
        if !self.emergency().exists() {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(self.emergency_off())?;
        }
        Ok(())
    }

    /// The home itself.
    pub fn home(&self) -> &Path {
        &self.0
    }
    /// Its short name, for control groups and environments.
    pub fn id(&self) -> String {
        shim::home_id(&self.0)
    }
    /// Locked by the engine; says who it is.
    pub fn engine_lock(&self) -> PathBuf {
        self.0.join("engine.lock")
    }
    /// What holds for the whole home; written by people.
    pub fn settings(&self) -> PathBuf {
        self.0.join(spec::SETTINGS_FILE)
    }
    /// The API's bearer token.
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }
    /// The key with which secrets are hashed.
    pub(crate) fn secret_key(&self) -> PathBuf {
        self.0.join("secret.key")
    }
    /// There while an emergency stop is in force.
    pub fn emergency(&self) -> PathBuf {
        self.0.join("emergency")
    }
    /// The same file while none is in force: renaming it sets the mark even on a full disk.
    pub(crate) fn emergency_off(&self) -> PathBuf {
        self.0.join("emergency.off")
    }
    /// What all homes of a user share otherwise, where that is not to be had; for this one alone.
    pub(crate) fn unshared(&self) -> PathBuf {
        self.0.join("unshared")
    }
    /// Where emergency stops leave their reports.
    pub fn reports(&self) -> PathBuf {
        self.0.join("reports")
    }
    /// One folder per cluster.
    pub fn clusters(&self) -> PathBuf {
        self.0.join("clusters")
    }
    /// What is recorded of a cluster.
    pub fn cluster(&self, cluster: &ClusterId) -> PathBuf {
        self.clusters().join(cluster.as_str())
    }
    /// Run folders of all clusters.
    pub fn run_root(&self) -> PathBuf {
        self.0.join("run")
    }
    /// Run folders of a cluster's instances.
    pub fn run_cluster(&self, cluster: &ClusterId) -> PathBuf {
        self.run_root().join(cluster.as_str())
    }
    /// An instance's intent, record and control socket.
    pub fn run(&self, cluster: &ClusterId, instance: &InstanceId) -> PathBuf {
        self.run_cluster(cluster).join(instance.to_string())
    }
    /// Where an instance says how it is, as `NOTIFY_SOCKET` has it: a socket in its run folder; after
    /// an `@` a name that is no file where that path is longer than the address of a socket, or the
    /// service runs as another user, who may not look into the home.
    pub fn notify(&self, cluster: &ClusterId, instance: &InstanceId, other_user: bool) -> String {
        /// Bytes of an address of a socket, less the closing zero.
        const ADDRESS: usize = 107;
        let path = self.run(cluster, instance).join("notify");
        match path.to_str() {
            Some(path) if path.len() <= ADDRESS && !other_user => path.to_owned(),
            // 16 bytes of home, and names that are 63 and 63 at most, would not fit either.
            _ => {
                let name = format!("{cluster}/{instance}");
                let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                format!("@azora/{}/{hash:016x}", self.id())
            }
        }
    }
    /// Logs of a cluster.
    pub fn logs_cluster(&self, cluster: &ClusterId) -> PathBuf {
        self.0.join("logs").join(cluster.as_str())
    }
    /// An instance's log folder: `log`, `log.idx` and `log.runs`.
    pub fn logs(&self, cluster: &ClusterId, instance: &InstanceId) -> PathBuf {
        self.logs_cluster(cluster).join(instance.to_string())
    }
    /// An instance's log.
    pub fn log(&self, cluster: &ClusterId, instance: &InstanceId) -> PathBuf {
        self.logs(cluster, instance).join("log")
    }
    /// Where an instance's starts began in its log, and their first errors; see [`shim::runs`].
    pub fn log_runs(&self, cluster: &ClusterId, instance: &InstanceId) -> PathBuf {
        self.logs(cluster, instance).join("log.runs")
    }
    /// When an instance's log had which length; see [`shim::index`].
    pub fn log_index(&self, cluster: &ClusterId, instance: &InstanceId) -> PathBuf {
        self.logs(cluster, instance).join("log.idx")
    }
}

/// Makes a folder and those above it, open to nobody else.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_name_however_it_is_spelled() {
        let home = testkit::Home::new();
        let link = home.path().join("link");
        let real = home.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(
            Layout::new(link.join("deep/er")),
            Layout::new(real.join("deep/er"))
        );
        assert_eq!(Layout::new(&link).home(), real);
    }
}
