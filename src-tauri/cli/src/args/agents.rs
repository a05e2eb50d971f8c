//! What can be typed behind `azora agents`.

use super::{Json, Why};
use clap::{Args, Subcommand};
use model::AgentName;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
An agent is a program that acts for you: a coding agent, a script. With a token of its own the rules decide what it may \
do, and what it does is in the book of acts under its name. It is given its token in a file:

  azora agents add claude --for 30d --write ~/claude.token
  AZORA_TOKEN_FILE=~/claude.token azora restart api

`azora policy explain stop db --as agent` says what an agent may do; docs/policy.md what that protects, and what not."
)]
pub(crate) struct Agents {
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(subcommand)]
    pub(crate) command: Option<AgentsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Add one, and print its token, which is not kept and cannot be printed again
    Add {
        /// By which it is known: lower-case letters, digits and hyphens
        #[arg(value_name = "NAME")]
        name: AgentName,
        /// Its token ends after this time, such as 8h or 30d [default: when it is removed]
        #[arg(long = "for", value_name = "TIME")]
        span: Option<String>,
        /// Write the token into this new file, which only you may read, and do not print it
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        json: Json,
    },
    /// Remove one: from now on its token is nobody's
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: AgentName,
        #[command(flatten)]
        why: Why,
    },
}
