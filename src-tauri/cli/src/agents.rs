//! `agents`: the programs that act for a person, each with a token of its own; and this program as one of them, where
//! `AZORA_TOKEN_FILE` names a token.

use crate::acts::allowed;
use crate::args::{Agents, AgentsCommand, Place};
use crate::fail::{Done, Fail};
use crate::place::{folder, layout};
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, plain, print, print_as_it_is};
use crate::text::{ago, clock, now, with_times};
use api::agents::{AddAgentRequest, RemoveAgentRequest};
use api::client::{self, Client};
use api::requests::Nothing;
use model::agent::{Agent, NewAgent};
use model::{Act, AgentName, Timestamp};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file with an agent's token. A token itself is in no argument and no variable, which others can read.
const TOKEN_FILE: &str = "AZORA_TOKEN_FILE";

/// Makes this process an agent, where it is to be one. Who is meant to be one and shows no token is nobody, and above
/// all no person.
pub(crate) fn as_one() -> Done {
    let Some(file) = std::env::var_os(TOKEN_FILE) else {
        return Ok(());
    };
    if file.is_empty() {
        let why = format!("{TOKEN_FILE} is empty; let it name a file with a token, or unset it");
        return Err(Fail::usage(why));
    }
    let file = PathBuf::from(file);
    client::ask_as_agent(&file).map_err(|error| {
        let file = plain(&file.display().to_string());
        Fail::failed(format!(
            "failed to read the agent's token in {file} ({TOKEN_FILE}): {error}"
        ))
    })
}

/// `azora agents`, and what goes with it.
pub(crate) async fn agents(place: &Place, arguments: &Agents) -> Done {
    match &arguments.command {
        None => list(place, arguments.json.json).await,
        Some(AgentsCommand::Remove { name, why }) => remove(place, name, why.reason.clone()).await,
        Some(AgentsCommand::Add {
            name,
            span,
            write,
            why,
            json,
        }) => {
            let span = span.as_deref().map(crate::text::span).transpose()?;
            let request = AddAgentRequest {
                name: name.clone(),
                span_ms: span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
                reason: why.reason.clone(),
            };
            add(place, &request, write.as_deref(), json.json).await
        }
    }
}

async fn list(place: &Place, as_json: bool) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let all: Vec<Agent> = client.call("agents", &Nothing {}).await?;
    if as_json {
        print(&with_times(json!(all)).to_string())?;
        return Ok(());
    }
    if all.is_empty() {
        print(
            "no program acts for you with a token of its own; `azora agents add NAME` gives it one",
        )?;
        return Ok(());
    }
    let now = now();
    let rows: Vec<Vec<Cell>> = all.iter().map(|one| row(one, now)).collect();
    let headings = ["AGENT", "SINCE", "LAST USE", "EXPIRES"];
    for line in table(&headings, &rows, &["SINCE"], Terminal::stdout()) {
        print(&line)?;
    }
    Ok(())
}

fn row(one: &Agent, now: Timestamp) -> Vec<Cell> {
    let used = match one.last_used {
        Some(at) => format!("{} ago", ago(at, now)),
        None => "never".to_owned(),
    };
    let expires = match one.expires {
        Some(at) if one.over(now) => (format!("is over since {}", clock(at)), Paint::Bad),
        Some(at) => cell(clock(at)),
        None => cell("never"),
    };
    vec![
        cell(one.name.as_str()),
        cell(clock(one.since)),
        cell(used),
        expires,
    ]
}

/// Its token goes to standard output alone, or into a file that is made for it, before there is one.
async fn add(
    place: &Place,
    request: &AddAgentRequest,
    write: Option<&Path>,
    as_json: bool,
) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let mut file = match write {
        Some(path) => Some((create(place, path)?, path)),
        None => None,
    };
    let added = client.call::<NewAgent>("add_agent", request).await;
    let new = match added {
        Ok(new) => new,
        Err(error) => {
            if let Some((_, path)) = file {
                // Nothing is in it.
                let _ = std::fs::remove_file(folder(place)?.join(path));
            }
            return Err(error.into());
        }
    };
    let name = &new.agent.name;
    if let Some((file, path)) = &mut file {
        let text = format!("{}\n", new.token);
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            Fail::failed(format!(
                "agent {name} was added, and failed to write its token to {}: {error}; `azora agents remove {name}`, \
                 and add it again",
                plain(&path.display().to_string())
            ))
        })?;
    }
    if as_json {
        let token = file.is_none().then_some(&new.token);
        let path = write.map(|path| path.display().to_string());
        print_as_it_is(
            &with_times(json!({"agent": new.agent, "token": token, "file": path})).to_string(),
        )?;
        return Ok(());
    }
    let token_in = match write {
        Some(path) => plain(&path.display().to_string()),
        None => {
            print_as_it_is(&new.token)?;
            "FILE".to_owned()
        }
    };
    match write {
        Some(_) => note(&format!(
            "the token of agent {name} is in {token_in}; it is not kept elsewhere"
        )),
        None => note(&format!(
            "this is the token of agent {name}, told this once; put it into a file that only the agent may read"
        )),
    }
    note(&format!(
        "the agent acts with it as itself: {TOKEN_FILE}={token_in} azora ps"
    ));
    note(&format!(
        "`azora agents remove {name}` takes it away at once"
    ));
    Ok(())
}

/// A new file that only its owner may read: a token is not put into one that others have open.
fn create(place: &Place, path: &Path) -> Done<File> {
    let whole = folder(place)?.join(path);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(whole);
    made.map_err(|error| {
        let path = plain(&path.display().to_string());
        Fail::failed(format!("failed to make {path} for the token: {error}"))
    })
}

async fn remove(place: &Place, name: &AgentName, reason: Option<String>) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let request = RemoveAgentRequest {
        name: name.clone(),
        reason,
    };
    let act: Act = client.call("remove_agent", &request).await?;
    allowed(&act)?;
    print(&format!("agent {name} may not act any more"))?;
    Ok(())
}
