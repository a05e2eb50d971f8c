//! From a command's name and JSON to its body and back. Every host comes through here, so every
//! host has the same commands, the same strictness and the same failures.

use crate::{calls, streams};
use engine::Handle;
use futures_util::FutureExt;
use futures_util::stream::BoxStream;
use model::view::{Code, Failure};
use model::{Actor, ActorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::panic::AssertUnwindSafe;

/// One JSON value as text, without line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub String);

/// The messages of a stream. It makes the next one only when it is asked for.
pub type Lines = BoxStream<'static, Json>;

/// Commands whose bodies hide secrets themselves: because a person can be let in to see them, because they hold what is
/// masked and comes back, or because it was hidden before it was written, and hashes and signatures are in it that look
/// like some. A new agent's token is told this once.
const OWN: [&str; 11] = [
    "add_agent",
    "logs",
    "view_logs",
    "log_runs",
    "env",
    "definition",
    "reveal",
    "ledger",
    "ledger_entries",
    "ledger_checkpoints",
    "ledger_verify",
];

/// An answer, without the secrets in it.
pub(crate) fn json(value: &impl Serialize) -> Json {
    Json(engine::hidden::hide_answer(as_it_is(value).0))
}

/// An answer whose secrets are hidden already, or that is shown as it is.
pub(crate) fn as_it_is(value: &impl Serialize) -> Json {
    // Views are plain data with text keys; serde_json cannot fail on them.
    Json(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
}

/// What kind of command a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// Passes the door.
    Act,
    /// Answers with messages.
    Stream,
}

/// What an agent may do with a command, by its token. Every row of the table says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agents {
    /// It may: this tells what is, and neither secrets nor what gives power.
    Open,
    /// It is an act, and the door asks the rules about it.
    Ruled,
    /// It may not, whatever the rules say.
    Persons,
}

macro_rules! expand {
    (
        calls { $( #[doc = $doc:literal] $kind:ident $agents:ident $call:ident($request:ty) -> $response:ty; )* }
        streams { $( #[doc = $sdoc:literal] $sagents:ident $stream:ident($srequest:ty) -> $message:ty; )* }
    ) => {
        async fn route(engine: &Handle, actor: &Actor, name: &str, request: &[u8]) -> Result<Json, Failure> {
            match name {
                $( stringify!($call) => {
                    let request: $request = shaped(name, request)?;
                    let response: $response = calls::$call(engine, actor, request).await.map_err(failure)?;
                    Ok(match OWN.contains(&name) {
                        true => as_it_is(&response),
                        false => json(&response),
                    })
                } )*
                _ => Err(unknown(name)),
            }
        }

        /// Opens a stream by its name.
        pub async fn stream(
            engine: &Handle,
            actor: &Actor,
            name: &str,
            request: &[u8],
        ) -> Result<Lines, Failure> {
            for_them(engine, actor, name)?;
            match name {
                $( stringify!($stream) => {
                    let request: $srequest = shaped(name, request)?;
                    streams::$stream(engine, request).await.map_err(failure)
                } )*
                _ => Err(unknown(name)),
            }
        }

        /// All commands: name, kind, and what each does.
        pub const COMMANDS: &[(&str, Kind, &str)] = &[
            $( (stringify!($call), expand!(@kind $kind), $doc), )*
            $( (stringify!($stream), Kind::Stream, $sdoc), )*
        ];

        /// What an agent may do with each call, and then with each stream.
        pub const AGENTS: &[(&str, Agents)] = &[
            $( (stringify!($call), expand!(@agents $agents)), )*
            $( (stringify!($stream), expand!(@agents $sagents)), )*
        ];
    };
    (@kind read) => { Kind::Read };
    (@kind act) => { Kind::Act };
    (@agents open) => { Agents::Open };
    (@agents ruled) => { Agents::Ruled };
    (@agents persons) => { Agents::Persons };
}
crate::commands!(expand);

/// Carries out a call by its name. A fault of ours, even a panic, comes back as a failure.
pub async fn call(
    engine: &Handle,
    actor: &Actor,
    name: &str,
    request: &[u8],
) -> Result<Json, Failure> {
    for_them(engine, actor, name)?;
    AssertUnwindSafe(route(engine, actor, name, request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            tracing::error!(command = name, "a command panicked");
            Err(Failure {
                code: Code::Internal,
                message: format!("`{name}` came to a fault of Azora's own; its log says more"),
            })
        })
}

/// An agent asks only for what is not a person's. What is neither call nor stream is said to be so later.
fn for_them(engine: &Handle, actor: &Actor, name: &str) -> Result<(), Failure> {
    if actor.kind != ActorKind::Agent || !persons_alone(name) {
        return Ok(());
    }
    engine.refused(false);
    tracing::warn!(agent = actor.via, command = name, "refused an agent");
    Err(Failure {
        code: Code::Refused,
        message: format!("refused: `{name}` is for persons, and an agent asked for it"),
    })
}

fn persons_alone(name: &str) -> bool {
    let row = AGENTS.iter().find(|(row, _)| *row == name);
    row.is_some_and(|(_, agents)| *agents == Agents::Persons)
}

/// Reads a request, strictly; no bytes at all are `{}`.
fn shaped<Request: DeserializeOwned>(name: &str, request: &[u8]) -> Result<Request, Failure> {
    let request = if request.is_empty() { b"{}" } else { request };
    serde_json::from_slice(request).map_err(|error| Failure {
        code: Code::BadRequest,
        // What is wrong is quoted.
        message: engine::hidden::hide_sentence(&format!(
            "the request of `{name}` is not of its shape: {error}"
        )),
    })
}

fn failure(error: engine::Error) -> Failure {
    Failure {
        code: error.code(),
        message: engine::hidden::hide_sentence(&error.story()),
    }
}

fn unknown(name: &str) -> Failure {
    // A name from outside goes back only when it could be one.
    let plain = name.len() <= 64 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let message = match plain {
        true => format!("there is no command `{name}`"),
        false => "there is no such command".to_owned(),
    };
    Failure {
        code: Code::NotFound,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_names::COMMAND_NAMES;
    use crate::requests::{PsRequest, ScaleRequest};

    #[test]
    fn the_plain_list_for_the_desktop_build_is_the_table() {
        let table: Vec<String> = COMMANDS
            .iter()
            .map(|(name, kind, _)| match kind {
                Kind::Stream => format!("stream_{name}"),
                Kind::Read | Kind::Act => (*name).to_owned(),
            })
            .chain(["pull", "unstream", "open_copy", "save_file"].map(str::to_owned))
            .collect();
        assert_eq!(table, COMMAND_NAMES);
    }

    #[test]
    fn every_act_is_ruled_or_a_persons_and_nothing_that_gives_power_is_open() {
        let persons: Vec<&str> = AGENTS
            .iter()
            .filter(|(_, agents)| *agents == Agents::Persons)
            .map(|(name, _)| *name)
            .collect();
        // Who changes this list says why in docs/policy.md.
        let power = [
            "look",
            "env",
            "support",
            "definition",
            "check_definition",
            "apply_definition",
            "take_terminal",
            "type_terminal",
            "resize_terminal",
            "leave_terminal",
            "gateway_try",
            "attach",
            "copy_logs",
            "rehearse",
        ];
        assert_eq!(persons, power);
        for ((name, kind, _), (same, agents)) in COMMANDS.iter().zip(AGENTS) {
            assert_eq!(name, same);
            let fits = match kind {
                Kind::Read | Kind::Stream => *agents != Agents::Ruled,
                Kind::Act => *agents != Agents::Open,
            };
            assert!(fits, "{name}: {kind:?} is {agents:?} to agents");
        }
        assert!(persons_alone("attach") && !persons_alone("status") && !persons_alone("none"));
    }

    #[test]
    fn a_field_too_many_is_named_beside_those_there_are() {
        let refused = shaped::<PsRequest>("ps", br#"{"clutser":"shop-1"}"#).unwrap_err();
        assert_eq!(refused.code, Code::BadRequest);
        assert_eq!(
            refused.message,
            "the request of `ps` is not of its shape: unknown field `clutser`, expected `cluster` or `folder` \
             at line 1 column 10"
        );
    }

    #[test]
    fn a_field_too_few_and_a_value_of_the_wrong_kind_are_named() {
        let message = |json: &[u8]| shaped::<ScaleRequest>("scale", json).unwrap_err().message;
        assert!(
            message(br#"{"cluster":"shop-1","replicas":2}"#).contains("missing field `service`")
        );
        assert!(
            message(br#"{"cluster":"shop-1","service":"a","replicas":-1}"#)
                .contains("expected u16")
        );
        assert!(
            message(br#"{"cluster":"../x","service":"a","replicas":1}"#)
                .contains("a name is lower-case")
        );
        assert!(message(b"[").contains("EOF"));
    }

    #[test]
    fn nothing_at_all_is_an_empty_request() {
        assert_eq!(
            shaped::<PsRequest>("ps", b"").unwrap(),
            PsRequest::default()
        );
    }

    #[test]
    fn an_unknown_name_is_not_repeated_unless_it_is_harmless() {
        assert!(unknown("shutdwon").message.contains("shutdwon"));
        assert!(!unknown("<img src=x>").message.contains('<'));
    }
}
