//! `settings.toml`: what holds for a whole home. Read by `engine` when it starts; what is wrong
//! with it is told like what is wrong with a definition.

use crate::escalation::Escalations;
use crate::problem::Problems;
use crate::{Diagnostics, Form, document, read, text};
use ipnet::IpNet;
use model::{ClusterName, WebhookName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// The name of the file, in the home.
pub const SETTINGS_FILE: &str = "settings.toml";

/// Where Consul's clients look when nobody tells them.
pub(crate) const CONSUL_PORT: u16 = 8_500;

const FORM: Form = Form {
    is: "settings are",
    example: "a setting is written [registry] and below it allow = [\"10.1.0.0/16\"]",
    page: "docs/settings.md",
    large: "settings are at most 1 MiB; is this really a settings.toml?",
    deep: "no setting is more than three levels deep; see docs/settings.md",
    name: "the file of settings",
};

/// What holds for a whole home. The default is what holds without a file, and is the strictest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Networks that entries of the registry may point to, besides this machine.
    pub allow: Vec<IpNet>,
    /// The port on which Consul's clients are served; `None` is not at all.
    pub consul: Option<u16>,
    /// Where the registry listens on 127.0.0.1; `None`: at its usual port, or another that is free.
    pub registry_port: Option<u16>,
    /// Where events are sent.
    pub webhooks: BTreeMap<WebhookName, Webhook>,
    /// What the desktop says.
    pub notifications: Notifications,
    /// Names instead of ports.
    pub gateway: GatewaySettings,
    /// Where checkpoints of the ledger are kept besides the home.
    pub checkpoints: Vec<CheckpointPlace>,
    /// What is done about threats to services.
    pub security: Escalations,
}

/// A second place for checkpoints of the ledger: out of reach of who may write to the home, if it is chosen well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointPlace {
    /// A folder, by its absolute path: a file for each ledger lies in it.
    Folder(String),
    /// A working tree of git, or a folder in one, by its absolute path: a commit for each checkpoint.
    Git {
        /// Which.
        folder: String,
        /// And it is pushed to where the branch is pushed to.
        push: bool,
    },
    /// A webhook of the same settings. Nothing can be read back from there.
    Webhook(WebhookName),
}

impl fmt::Display for CheckpointPlace {
    /// As messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{folder}"),
            Self::Git { folder, .. } => write!(f, "the git repository {folder}"),
            Self::Webhook(name) => write!(f, "the webhook {name}"),
        }
    }
}

/// The gateway of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewaySettings {
    /// It runs.
    pub enabled: bool,
    /// Where it listens on 127.0.0.1; `None`: at its usual port, or another that is free.
    pub port: Option<u16>,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            port: None,
        }
    }
}

/// What the desktop says of incidents, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// Anything at all.
    pub enabled: bool,
    /// Clusters that are not told of.
    pub except: BTreeSet<ClusterName>,
    /// When nothing is shown.
    pub quiet: Vec<Hours>,
}

/// A part of every day, on the clock of a person, in minutes since midnight; over midnight where it
/// ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first minute.
    pub from: u16,
    /// The first minute after it.
    pub to: u16,
}

impl fmt::Display for Hours {
    /// As it is written: "22:00-07:00".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            enabled: true,
            except: BTreeSet::new(),
            quiet: Vec::new(),
        }
    }
}

impl Notifications {
    /// Nothing is shown in this minute of the day.
    pub fn quiet_at(&self, minute: u16) -> bool {
        let within = |hours: &Hours| match hours.from < hours.to {
            true => (hours.from..hours.to).contains(&minute),
            false => minute >= hours.from || minute < hours.to,
        };
        self.quiet.iter().any(within)
    }
}

/// One place that is told of events, by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where they are posted: `https`, or `http` where that was said to be meant; without a user,
    /// a password or a fragment.
    pub url: String,
    /// The kinds that are sent.
    pub events: BTreeSet<&'static str>,
    /// The clusters whose events are sent; all of them where none is named.
    pub clusters: BTreeSet<ClusterName>,
    /// Where the whole value of the `Authorization` header is.
    pub authorization: Option<SecretPlace>,
    /// Where the key is that requests are signed with.
    pub sign: Option<SecretPlace>,
    /// A file with further roots in PEM, relative to the home unless absolute.
    pub ca: Option<String>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How long an event waits for its receiver.
    pub keep: Duration,
}

/// Where a secret of a home is. The secret itself is in no settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// The text of this file, relative to the home unless absolute.
    File(String),
    /// This variable of the engine's environment.
    Env(String),
}

/// What could be read of settings, and what could not.
#[derive(Debug, Clone)]
pub struct SettingsRead {
    /// What holds: of tables that are not used, what opens the least.
    pub settings: Settings,
    /// Tables that are not used, because something in them is wrong.
    pub unused: BTreeSet<SettingsTable>,
    /// Everything that is wrong, with places and remedies.
    pub problems: Option<Diagnostics>,
}

/// A table of `settings.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingsTable {
    /// `[registry]`
    Registry,
    /// `[gateway]`
    Gateway,
    /// `[notifications]`
    Notifications,
    /// Some `[webhook.NAME]`; the others are used.
    Webhook,
    /// `[ledger]`
    Ledger,
    /// `[security]`
    Security,
}

impl SettingsTable {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Registry,
        Self::Gateway,
        Self::Notifications,
        Self::Webhook,
        Self::Ledger,
        Self::Security,
    ];

    /// As its key is written.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Gateway => "gateway",
            Self::Notifications => "notifications",
            Self::Webhook => "webhook",
            Self::Ledger => "ledger",
            Self::Security => "security",
        }
    }
}

impl Settings {
    /// What holds when nothing can be told of what a person wants: nothing is opened that could have
    /// been meant to be closed.
    pub fn closed() -> Self {
        let mut settings = Self::default();
        settings.gateway.enabled = false;
        settings
    }
}

/// Reads settings. `file` is how messages name it. A mistake keeps its own table from being used and
/// no other; a text that is no TOML has no tables.
pub fn settings(file: &str, bytes: &[u8]) -> SettingsRead {
    let mut problems = Problems::default();
    let unreadable = |problems: Diagnostics| SettingsRead {
        settings: Settings::closed(),
        unused: SettingsTable::ALL.into(),
        problems: Some(problems),
    };
    let text = match text(bytes, &FORM, &mut problems) {
        Ok(text) => text,
        Err(shown) => return unreadable(problems.into_diagnostics(file, &shown)),
    };
    let root = document::read(text, &FORM, &mut problems);
    // What is there twice is no TOML either: which of the two is meant nobody can tell.
    let Some(root) = root.filter(|_| problems.is_empty()) else {
        return unreadable(problems.into_diagnostics(file, text));
    };
    let (settings, unused) = read::settings::settings(text, &root, &mut problems);
    let problems = (!problems.is_empty()).then(|| problems.into_diagnostics(file, text));
    SettingsRead {
        settings,
        unused,
        problems,
    }
}
