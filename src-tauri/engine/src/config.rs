//! What an engine is built from. Decided by the host, once.

use std::path::PathBuf;

/// What an engine is built from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The home folder, `AZORA_HOME`.
    pub home: PathBuf,
    /// The folder that holds `azora-shim` and the other programs installed beside this one. It is
    /// put first on every service's PATH.
    pub programs: PathBuf,
    /// Where the registry listens on 127.0.0.1; 0 is where the home's settings say, its usual port, the one
    /// it had last or any free one, `None` is not at all.
    pub registry_port: Option<u16>,
    /// Where the gateway listens on 127.0.0.1; 0 is where the home's settings say, its usual port, the
    /// one it had last or any free one, `None` is not at all.
    pub gateway_port: Option<u16>,
    /// The version shown to people.
    pub version: String,
}
