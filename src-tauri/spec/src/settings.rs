//! `settings.toml`: what holds for a whole home. Read by `engine` when it starts; what is wrong
//! with it is told like what is wrong with a definition.

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

/// Reads settings. `file` is how messages name it.
///
/// # Errors
/// Everything that is wrong with them, with places and remedies.
pub fn settings(file: &str, bytes: &[u8]) -> Result<Settings, Diagnostics> {
    let mut problems = Problems::default();
    let text = match text(bytes, &FORM, &mut problems) {
        Ok(text) => text,
        Err(shown) => return Err(problems.into_diagnostics(file, &shown)),
    };
    let settings = document::read(text, &FORM, &mut problems)
        .map(|root| read::settings::settings(text, &root, &mut problems));
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(problems.into_diagnostics(file, text)),
    }
}
