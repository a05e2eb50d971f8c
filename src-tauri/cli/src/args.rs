//! What can be typed.

use clap::{Args, Parser, Subcommand};
use rehearsal::Plan;
use std::path::PathBuf;

const LONG: &str = "\
Runs the services you work with, keeps them alive, and shows what is going on.

A cluster is a folder with an azora.toml. Commands mean the cluster of the current folder, or of \
the nearest folder above it that has one; -C and --cluster mean another. `emergency-stop` always \
means every cluster of the home.";

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
  AZORA_HOME   where all state lives [default: $XDG_STATE_HOME/azora or ~/.local/state/azora]
  AZORA_TRUST  1: never ask before the first run of a folder
  AZORA_LOG    what the engine says of itself: error, warn, info, debug
  NO_COLOR     no colours; there are none either when the output is not a terminal";

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
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring a cluster up, or apply its edited definition
    Up(Up),
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
    Down(Why),
    /// Keep healing's hands off services; of none named, the whole cluster
    Hold(Hold),
    /// Let healing act on services again
    Unhold(Held),
    /// Take services out of quarantine and start them, and try what they were rolled back from
    Release(Services),
    /// End every process of every cluster of this home at once; never asks
    EmergencyStop(Emergency),
    /// Bring back what the last stop took down
    Resume(Why),
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
    /// Say where events are sent by HTTP and how it stands with each, or test one
    Webhooks(Webhooks),
    /// Check a definition without running anything
    Check(Check),
    /// Run a cluster against faults in a simulated world: what would suffer, and what would mend it
    Rehearse(Rehearse),
    /// Run the engine in the foreground, without a window
    Serve(Serve),
    /// Print the address that opens the UI in a browser
    Open,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --detach, and when no engine runs, the engine runs inside this command: Ctrl-C or \
SIGTERM takes the cluster down in order, a second one ends everything at once. When an engine runs \
already, or with --detach, the command returns when everything has settled. Closing the terminal \
(SIGHUP) takes nothing down: the engine ends in order, the services run on, and the next \
`azora up` adopts them.

The first run of a folder on a terminal shows what will be executed and asks. Where nobody can be \
asked, typing the command is the consent.

Services get the environment of this command.")]
pub(crate) struct Up {
    /// The folder with the azora.toml [default: the current one, or the nearest above it]
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Leave the cluster running in the background and return when it has settled
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Do not ask before the first run of this folder
    #[arg(short, long, visible_alias = "trust")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Json {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "\
On a narrow terminal CATEGORY, BY, STARTS, PID, SINCE and PORTS are left out, in this order, so that \
the reason can be read; --json has all.")]
pub(crate) struct Ps {
    /// Every cluster of every home of yours on this machine
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "\
What is seen is read from the kernel's sockets every few seconds: TCP, and sockets with a path. A \
connection that is opened and closed between two looks is missed, and so is what goes on in another \
network namespace. What was not seen for a week is left out.")]
pub(crate) struct Graph {
    /// As text for Graphviz: needs are solid, what was only seen is dashed
    #[arg(long, conflicts_with = "json")]
    pub(crate) dot: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "\
UPTIME is the share of the time it should have served in which it did: not counted is when a person had \
stopped it, and when no engine was there to see. FAILED is the share of its health probes; P50, P95 and \
MAX are how long they took. On a narrow terminal MAX, P50, CPU and MEMORY are left out, in this order; \
--json has all, over all four windows.")]
pub(crate) struct Status {
    /// Over how long: 5m, 1h, 24h or 7d
    #[arg(long, value_name = "TIME", value_enum, default_value_t = Window::Day)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// How far the status looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Window {
    /// Five minutes.
    #[value(name = "5m")]
    Minutes,
    /// An hour.
    #[value(name = "1h")]
    Hour,
    /// A day.
    #[value(name = "24h")]
    Day,
    /// A week.
    #[value(name = "7d")]
    Week,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It looks at what listens on this machine, at what is on record in your homes, and at ports that are \
reserved; it needs no engine and never sends a signal. It exits with 3 when nobody has the port.")]
pub(crate) struct Who {
    /// Which: 3000 or :3000
    #[arg(value_name = "PORT")]
    pub(crate) port: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Why {
    /// Why, for the book of acts
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
TIME is a length of time before now (90s, 10m, 2h, 1d) or a point in time (2026-11-22T14:00:00Z).
PATTERN is a regular expression; upper and lower case are the same to it unless it says (?-i).
ADDRESS is the offset of a line, as --json shows it: a line keeps it for ever.
With --json the lines are one JSON list; with --json --follow one JSON object a line. --follow goes
on through restarts of services and of the engine; Ctrl-C ends it.")]
pub(crate) struct Logs {
    /// Whose: services (api) or single instances (api.1) [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Go on with new lines as they come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only lines written since then
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only lines written until then
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub(crate) until: Option<String>,
    /// Only lines that hold this
    #[arg(short, long, value_name = "PATTERN")]
    pub(crate) grep: Option<String>,
    /// The lines of one instance from this address on
    #[arg(long, value_name = "ADDRESS", conflicts_with = "since")]
    pub(crate) from: Option<u64>,
    /// The first line that looks like an error, of the newest start of each instance (with --tail N
    /// of the last N); it is kept even when the log has given it up
    #[arg(long, conflicts_with_all = ["follow", "since", "until", "grep", "from"])]
    pub(crate) first_error: bool,
    /// So many lines of each instance [default: 200, or all with --since and --from]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<u32>,
    /// Put the time before each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Behind each variable stands where it comes from: the terminal `up` was called in, a line of an env \
file or of the azora.toml, or Azora itself. Values of secrets are not shown: a few digits tell \
equal ones from different ones. What the files have changed since the start is shown below the \
variable; `azora restart SERVICE` or `azora up` applies it.")]
pub(crate) struct Env {
    /// Whose: a service (api) or a single instance (api.1)
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Services {
    /// Which
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(crate) services: Services,
    /// All instances of a service at the same time, even where they could take turns
    #[arg(long)]
    pub(crate) at_once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Held {
    /// Which
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Hold {
    #[command(flatten)]
    pub(crate) held: Held,
    /// Let healing go on by itself after so long: 90s, 30m, 2h, 1d
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) span: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// Which, and to how many
    #[arg(required = true, value_name = "SERVICE=N")]
    pub(crate) wanted: Vec<String>,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It needs no engine, no database and no free disk: it reads the records beside the processes and \
ends what belongs to them. Afterwards it looks for survivors by control group, by descent and by \
mark, and exits with 1 if there is one. `azora resume` brings everything back.")]
pub(crate) struct Emergency {
    /// Why; it is kept in the report
    #[arg(long, value_name = "TEXT", value_parser = not_blank)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

fn not_blank(text: &str) -> Result<String, &'static str> {
    match text.trim().is_empty() {
        true => Err("it says nothing"),
        false => Ok(text.to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Recent {
    /// At most so many of the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Incidents {
    /// Only those that go on, one in quarantine included
    #[arg(long)]
    pub(crate) open: bool,
    /// Only those that were open since then: 90s, 10m, 2h, 7d, or a time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only those with this service at the root
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) recent: Recent,
}

#[derive(Debug, Args)]
pub(crate) struct Incident {
    /// Its number
    #[arg(value_name = "ID", value_parser = crate::incidents::number)]
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Healed {
    /// From then until now: 90s, 10m, 2h, 7d, or a time
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub(crate) since: String,
    /// Only this service
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on with new ones as they come
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) recent: Recent,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Webhooks {
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(subcommand)]
    pub(crate) command: Option<WebhooksCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Send a test event now; of none named, to each. One that takes it is no longer gone
    Test {
        /// Its name in settings.toml
        #[arg(value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A folder with an azora.toml, or the file
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is run: the code that orders and heals real clusters meets a simulated machine, where \
services crash, hang, start slowly and lose what they need, the disk is full, the engine dies and \
the machine sleeps. How a service behaves cannot be known beforehand, so all of it is tried: some \
starts take longer, some programs end when what they need is away, some never connect anew.

The report names what in the definition did harm and the lines that would mend it, and shows the \
same faults again with those lines in place. The same seed gives the same report.

Examples:
  azora rehearse
  azora rehearse shop --faults 1000
  azora rehearse --seed 2 --json | jq .weaknesses")]
pub(crate) struct Rehearse {
    /// A folder with an azora.toml, or the file [default: the nearest one from here upward]
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// How many faults
    #[arg(long, value_name = "N", default_value_t = Plan::USUAL_FAULTS, value_parser = clap::value_parser!(u32).range(1..=i64::from(Plan::MOST_FAULTS)))]
    pub(crate) faults: u32,
    /// Which of all possible rehearsals
    #[arg(long, value_name = "N", default_value_t = Plan::USUAL_SEED)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C, SIGTERM or closing the terminal ends the engine and leaves the services running; the next \
engine of this home adopts them. `azora down` takes them down.")]
pub(crate) struct Serve {
    /// Where the API and the browser UI listen on 127.0.0.1; 0 is any free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Where the registry listens on 127.0.0.1; 0 is any free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) registry_port: u16,
    /// Take the home over from the engine that has it; its services keep running
    #[arg(long)]
    pub(crate) take_over: bool,
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
