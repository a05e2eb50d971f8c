//! What can be typed.

mod acts;
mod agents;
mod ledger;
mod reads;
mod rules;

pub(crate) use acts::*;
pub(crate) use agents::*;
use clap::{Args, Parser, Subcommand};
pub(crate) use ledger::*;
pub(crate) use reads::*;
pub(crate) use rules::*;
use std::path::PathBuf;

const LONG: &str = "\
Runs the services you work with, keeps them alive, and shows what is going on.

A cluster is a folder with an azora.toml, or with a compose.yaml, Procfile or process-compose.yaml, which runs as it \
is. Commands mean the cluster of the current folder, or of the nearest folder above it that has one; -C and --cluster mean another. `status` and `events` show \
every cluster of the home, and `emergency-stop` always means all of them.";

const AFTER: &str = "\
Examples:
  azora check .                          what is wrong with a definition, with line and caret
  azora rehearse                         how it fares against faults, before it is run
  azora up                               bring the cluster up here; Ctrl-C takes it down again
  azora up shop --detach                 bring it up and leave it running
  azora ps --json                        every instance, its state and why
  azora who :3000                        who has the port, and whether it may be stopped
  azora logs api --follow --since 10m    what api printed and prints
  azora restart api web
  azora incident 42                      what failed, why, what was tried and how long it took
  azora healed --since 7d                what healing did, and what needed a person
  azora emergency-stop --reason \"wrong database\"

Exit codes:
  0    ok
  1    something failed; what and why is on stderr
  2    the command line was not understood
  3    no engine runs, there is no such cluster or service, or nobody has the port
  4    the definition has errors
  129  the terminal was closed
  130  interrupted by Ctrl-C

Environment:
  AZORA_HOME        where all state lives [default: $XDG_STATE_HOME/azora or ~/.local/state/azora]
  AZORA_TOKEN_FILE  a file with an agent's token: what is asked is asked by that agent (`azora agents`)
  AZORA_TRUST       1: never ask before the first run of a folder
  AZORA_LOG         what the engine says of itself: error, warn, info, debug
  NO_COLOR          no colours; there are none either when the output is not a terminal";

/// Runs the services you work with, keeps them alive, and shows what is going on.
#[derive(Debug, Parser)]
#[command(name = "azora", version, long_about = LONG, after_help = AFTER, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which home and which cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which home and cluster")]
pub(crate) struct Place {
    /// Use this home instead of the usual one
    // AZORA_HOME is read where the home is looked for: read here, it would show as required in usages.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) home: Option<PathBuf>,
    /// Act as if started in this folder
    #[arg(short = 'C', global = true, value_name = "PATH")]
    pub(crate) folder: Option<PathBuf>,
    /// The cluster of this name or id, whatever the folder
    #[arg(long, global = true, value_name = "NAME|ID")]
    pub(crate) cluster: Option<String>,
    /// Ask with this approval, where an act needs one
    #[arg(long, global = true, value_name = "ID", value_parser = approval)]
    pub(crate) approval: Option<model::ApprovalId>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring a cluster up, or apply its edited definition
    Up(Up),
    /// Bring a cluster up, run a command beside it, and take it down again: for scripts and CI
    Run(Run),
    /// Wait until services are ready, healthy or stopped
    Wait(Wait),
    /// List the instances of a cluster, or of all clusters of all your homes
    Ps(Ps),
    /// Show what needs what, who was seen to talk to whom, and who suffers from whom
    Graph(Graph),
    /// Say who has a port, since when, and whether it may be stopped
    Who(Who),
    /// Show how everything of this home is and has been: its engine, clusters and services
    Status(Status),
    /// Show what services printed
    Logs(Logs),
    /// Attach to the terminal of a service: see what it shows, and type at it
    Attach(Attach),
    /// Show the environment a service really got, and what it would get now
    Env(Env),
    /// Start services and what they need
    Start(Services),
    /// Stop services and what needs them
    Stop(Services),
    /// Stop services and start them again, one instance after another where others serve meanwhile
    Restart(Restart),
    /// Change how many instances services have
    Scale(Scale),
    /// Take a cluster down in reverse order
    Down(Down),
    /// Keep healing's hands off services; of none named, the whole cluster
    Hold(Hold),
    /// Let healing act on services again
    Unhold(Held),
    /// Say how far healing goes by itself in a cluster: not at all, up to a proposal, or all the way
    Autonomy(Autonomy),
    /// Show no notifications of services, of a cluster or of everything for a while; or list what is muted
    Mute(Mute),
    /// Show notifications again
    Unmute(Unmute),
    /// Take services out of quarantine and start them, and try what they were rolled back from
    Release(Services),
    /// End every process of every cluster of this home at once; never asks
    EmergencyStop(Emergency),
    /// Bring back what the last stop took down
    Resume(Whole),
    /// Forget a cluster that is down: it is no longer listed, adopted or resumed; its logs stay
    Forget(Why),
    /// List incidents: what failed, what was done about it, how long it took
    Incidents(Incidents),
    /// Tell an incident line by line: what was seen, what was tried, who suffered, what it waits for
    Incident(Incident),
    /// Say what healing did, by service: incidents, restarts, how long recovery took, what needed a person
    Healed(Healed),
    /// Show what happened
    Events(Events),
    /// List what waits for the approval of persons
    Approvals(Approvals),
    /// Approve of an act that waits for persons; who asked for it does not count
    Approve(Approve),
    /// Say no to an act that waits for persons
    Deny(Approve),
    /// List the programs that act for you, each with a token of its own; add one, or remove it
    Agents(Agents),
    /// Show who did what, why it was let in or refused, and what came of it
    Acts(Acts),
    /// Say how it stands with security: the threat level, and each threat with its evidence and what to do
    Security(Security),
    /// List what is registered: instances of clusters, and programs that registered themselves
    Registry(Registry),
    /// Say where events are sent by HTTP and how it stands with each, or test one
    Webhooks(Webhooks),
    /// Say where each name leads and how it goes with it, or what came through the gateway
    Gateway(Gateway),
    /// Check a definition without running anything
    Check(Check),
    /// Propose a first azora.toml from what is in a folder
    Init(Init),
    /// Print the azora.toml that says what a Procfile or process-compose.yaml says
    Import(Import),
    /// Run a cluster against faults in a simulated world: what would suffer, and what would mend it
    Rehearse(Rehearse),
    /// Say who may do what: read, check, ask and test the rules
    Policy(Policy),
    /// Show, verify, prove and export the ledger: every act of this home, signed
    Ledger(Ledger),
    /// Write a bundle for whoever helps with a fault: what Azora knows of itself, without secrets
    Support(Support),
    /// Run the engine in the foreground, without a window
    Serve(Serve),
    /// Print the address that opens the UI in a browser
    Open,
    /// Print what a shell needs to complete commands and options
    Completions(Completions),
    /// Print the manual page, for `man -l -`, or write all of them
    Man(Man),
    /// Print the JSON Schema of what commands print with --json
    Schema(Schema),
    /// Print what a coding agent has to know to use this command
    Skill(Skill),
}

#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "For example, in bash: source <(azora completions bash)")]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  azora schema > outputs.schema.json
  azora schema ps --all
  azora schema logs --follow")]
pub(crate) struct Schema {
    /// Of this command alone, with the option that changes what it prints
    #[arg(value_name = "COMMAND", num_args = 0.., allow_hyphen_values = true, trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  azora skill --into .claude/skills     write it where an agent of this project looks for skills")]
pub(crate) struct Skill {
    /// Write it as azora/SKILL.md into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Man {
    /// Write azora.1 and a page for every command into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Json {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_shows_every_command_the_examples_and_the_exit_codes() {
        let help = Arguments::command().render_long_help().to_string();
        for command in Arguments::command().get_subcommands() {
            assert!(help.contains(command.get_name()), "{}", command.get_name());
            assert!(
                command.get_about().is_some(),
                "{} says what it does",
                command.get_name()
            );
        }
        for text in [
            "Examples:",
            "azora up shop --detach",
            "Exit codes:",
            "130",
            "AZORA_HOME",
        ] {
            assert!(help.contains(text), "{text}");
        }
    }

    #[test]
    fn the_place_may_stand_before_or_behind_the_command() {
        for line in [
            ["azora", "-C", "/w", "ps", "--json"],
            ["azora", "ps", "--json", "-C", "/w"],
        ] {
            let arguments = Arguments::try_parse_from(line).unwrap();
            assert_eq!(arguments.place.folder, Some("/w".into()));
            assert!(matches!(
                arguments.command,
                Command::Ps(Ps {
                    all: false,
                    json: Json { json: true }
                })
            ));
        }
    }

    #[test]
    fn an_emergency_stop_wants_a_reason_and_nothing_else() {
        assert!(Arguments::try_parse_from(["azora", "emergency-stop"]).is_err());
        let with =
            |reason| Arguments::try_parse_from(["azora", "emergency-stop", "--reason", reason]);
        assert!(with("x").is_ok());
        for nothing in ["", " ", "\t"] {
            assert!(with(nothing).is_err(), "{nothing:?} is no reason");
        }
    }
}
