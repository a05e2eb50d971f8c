//! The cluster definition: from the bytes of an `azora.toml` to a checked [`Cluster`], or to
//! diagnostics that each say what is wrong, where, and what would be right.
//!
//! Called by `engine` and `cli`. It opens no file, reads no environment and knows no clock: the
//! caller brings the bytes. What it returns needs no further checks: names resolve, there is no
//! cycle, every default is filled in.

mod amount;
mod choice;
pub mod cluster;
pub mod container;
mod diff;
mod document;
mod duration;
mod ends;
mod env_file;
mod environment;
mod escalation;
mod heal;
mod http;
pub mod limits;
mod notes;
mod pattern;
mod problem;
mod read;
mod route;
mod run;
mod schedule;
mod schema;
mod settings;
mod sources;
mod suggest;
mod syntax;
mod template;

pub use amount::cores;
pub use amount::size;
pub use choice::{Choice, NoSuch};
pub use cluster::{
    AtOnce, Cluster, FileWatch, Hook, Limits, Listen, Log, Need, Probe, ProbeTarget, Run, Secret,
    Service, Stop, StopSignal, Template, TemplatePart,
};
pub use container::{Container, Runs};
pub use diff::{Diff, diff, surroundings_changed};
pub use ends::Kind;
pub use env_file::{EnvFile, EnvPart, EnvText, Line, Setting};
pub use environment::{Origin, SaidIn, Value, Variable, environment_differs};
pub use escalation::Escalations;
pub use heal::{Backoff, Budget, Heal, Rung};
pub use http::{BodyTerm, HttpTerms, Method};
pub use notes::notes;
pub use pattern::pattern;
pub use problem::{Diagnostics, Place, Problem, Problems, Span, quoted};
pub use route::{HashBy, Route};
pub use schedule::{Schedule, Times, Zone};
pub use schema::schema;
pub use settings::{
    CheckpointPlace, GatewaySettings, Hours, Notifications, SETTINGS_FILE, SecretPlace, Settings,
    SettingsRead, SettingsTable, Webhook, settings,
};
pub use sources::{Found, Reading, Sources};
pub use suggest::nearest;
pub use template::{HOST, Lookup, literal};

/// The name of a definition's file.
pub const FILE: &str = "azora.toml";

/// What Azora's own part of a cluster is called that passes connections of containers on: no service is.
pub const RELAY: &str = "azora-relay";

/// A kind of file that is read here, as messages speak of it.
struct Form {
    /// "a definition is".
    is: &'static str,
    /// What a right one has in it.
    example: &'static str,
    /// The page that describes it.
    page: &'static str,
    /// "is this really an azora.toml?".
    large: &'static str,
    /// How deep its keys are.
    deep: &'static str,
    /// "the definition".
    name: &'static str,
}

const DEFINITION: Form = Form {
    is: "a definition is",
    example: "a service is written [service.web] and below it run = \"node server.js\"",
    page: "docs/definition.md",
    large: "a definition is at most 1 MiB; is this really an azora.toml?",
    deep: "no key of azora.toml lies that deep; see docs/definition.md",
    name: "the definition",
};

/// Reads a definition alone, without the env files it names; see [`Sources`] for all of it. `file`
/// is how messages name it; `folder_name` is the last part of the folder's path, from which a
/// cluster without a name takes its own.
///
/// # Errors
/// Everything that is wrong with it, with places and remedies.
pub fn parse(file: &str, folder_name: &str, bytes: &[u8]) -> Result<Cluster, Diagnostics> {
    read_definition(file, folder_name, bytes).map(|(cluster, ..)| cluster)
}

/// The definition, the env files it names with the place of each, and its text.
fn read_definition<'b>(
    file: &str,
    folder_name: &str,
    bytes: &'b [u8],
) -> Result<(Cluster, Vec<read::EnvFileWanted>, &'b str), Diagnostics> {
    let mut problems = Problems::default();
    let text = match text(bytes, &DEFINITION, &mut problems) {
        Ok(text) => text,
        Err(shown) => return Err(problems.into_diagnostics(file, &shown)),
    };
    let cluster = document::read(text, &DEFINITION, &mut problems)
        .map(|root| read::cluster(text, &root, folder_name, &mut problems));
    match cluster {
        Some((cluster, wanted)) if problems.is_empty() => Ok((cluster, wanted, text)),
        _ => Err(problems.into_diagnostics(file, text)),
    }
}

/// The bytes of a file that says what to run as text, by the rules of a definition: at most 1 MiB of
/// UTF-8. `Err` is what of them can be shown beside the problem.
///
/// # Errors
/// That they are too many, or no UTF-8; the problem is among `problems`.
pub fn foreign_text<'b>(bytes: &'b [u8], problems: &mut Problems) -> Result<&'b str, String> {
    const FOREIGN: Form = Form {
        name: "the file",
        large: "a file that says what to run is at most 1 MiB",
        ..DEFINITION
    };
    text(bytes, &FOREIGN, problems)
}

/// The bytes of an env file as what they set.
///
/// # Errors
/// What of them can be shown beside what is wrong, which is among `problems`.
pub fn env_file(bytes: &[u8], problems: &mut Problems) -> Result<EnvFile, String> {
    env_file::read(bytes, problems)
}

/// The bytes as text, or what of them can be shown beside the problem.
fn text<'b>(bytes: &'b [u8], form: &Form, problems: &mut Problems) -> Result<&'b str, String> {
    if bytes.len() > limits::MAX_BYTES {
        let kept = &bytes[..limits::MAX_BYTES];
        let shown = match std::str::from_utf8(kept) {
            Ok(text) => text,
            // A character may be cut in two; what is before it is shown.
            Err(error) => std::str::from_utf8(&kept[..error.valid_up_to()]).unwrap_or_default(),
        };
        problems.add(|| {
            let mebibytes = bytes.len() as f64 / f64::from(1 << 20);
            Problem::new(
                shown.len()..shown.len(),
                format!("{} is {mebibytes:.1} MiB large", form.name),
                "the first MiB ends here",
            )
            .help(form.large)
        });
        return Err(shown.to_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => Err(not_utf8(bytes, error, problems)),
    }
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error, problems: &mut Problems) -> String {
    let at = error.valid_up_to();
    // Up to the place both texts are the same, so the place is true for the shown one.
    let shown = String::from_utf8_lossy(bytes).into_owned();
    let byte = bytes[at];
    let help = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this is UTF-16; save the file as UTF-8".to_owned(),
        _ if error.error_len().is_none() => {
            "the rest of the file is missing; save it again as UTF-8".to_owned()
        }
        _ if byte >= 0xa0 => format!(
            "save the file as UTF-8; in Latin-1 this byte is {}",
            quoted(&char::from(byte).to_string())
        ),
        _ => "save the file as UTF-8".to_owned(),
    };
    problems.add(|| {
        let message = match error.error_len() {
            Some(_) => format!("the byte 0x{byte:02x} is not UTF-8"),
            None => "the file ends in the middle of a character".to_owned(),
        };
        Problem::new(at..at + '\u{fffd}'.len_utf8(), message, "here").help(help)
    });
    shown
}
