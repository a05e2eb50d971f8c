//! `settings.toml`: what holds for a whole home. Read by `engine` when it starts; what is wrong
//! with it is told like what is wrong with a definition.

use crate::problem::Problems;
use crate::{Diagnostics, Form, document, read, text};
use ipnet::IpNet;

/// The name of the file, in the home.
pub const SETTINGS_FILE: &str = "settings.toml";

const FORM: Form = Form {
    is: "settings are",
    example: "a setting is written [registry] and below it allow = [\"10.1.0.0/16\"]",
    page: "docs/settings.md",
    large: "settings are at most 1 MiB; is this really a settings.toml?",
    deep: "no setting is more than two levels deep; see docs/settings.md",
    name: "the file of settings",
};

/// What holds for a whole home. The default is what holds without a file, and is the strictest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Networks that entries of the registry may point to, besides this machine.
    pub allow: Vec<IpNet>,
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
