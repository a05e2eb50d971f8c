//! What can be typed behind the commands that look or try, and change nothing that runs.

use super::Json;
use clap::{Args, Subcommand};
use model::ServiceName;
use rehearsal::Plan;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "\
NEXT is there where something runs by a schedule. On a narrow terminal CATEGORY, BY, STARTS, PID, SINCE, PORTS and NEXT are left out, in this order, so that \
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
    #[arg(long, conflicts_with_all = ["json", "mermaid"])]
    pub(crate) dot: bool,
    /// As text for Mermaid, as Markdown takes it: needs are solid, what was only seen is dotted
    #[arg(long, conflicts_with = "json")]
    pub(crate) mermaid: bool,
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
/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl From<Level> for model::view::LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

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
    /// Only lines of this level or a higher one, as far as a line says it
    #[arg(short, long, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
    /// Only how many lines that are, of each instance
    #[arg(short, long, conflicts_with_all = ["follow", "from", "first_error", "tail", "timestamps"])]
    pub(crate) count: bool,
    /// The lines of one instance from this address on
    #[arg(long, value_name = "ADDRESS", conflicts_with = "since")]
    pub(crate) from: Option<u64>,
    /// The first line that looks like an error, of the newest start of each instance (with --tail N
    /// of the last N); it is kept even when the log has given it up
    #[arg(long, conflicts_with_all = ["follow", "since", "until", "grep", "level", "from"])]
    pub(crate) first_error: bool,
    /// So many lines of each instance [default: 200, or all with --since and --from]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<u32>,
    /// Put the time before each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// Show the secrets in them, too: an act of its own, which the book keeps
    #[arg(long, conflicts_with_all = ["count", "first_error"])]
    pub(crate) reveal: bool,
    /// With --reveal: why, for the book of acts
    #[arg(long, value_name = "TEXT", requires = "reveal")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Behind each variable stands where it comes from: the terminal `up` was called in, a line of an env \
file or of the azora.toml, or Azora itself. Values of secrets that the definition reads are not shown: a few digits \
tell equal ones from different ones. What looks like a secret elsewhere is hidden; --reveal shows it, which is an act \
of its own. What the files have changed since the start is shown below the \
variable; `azora restart SERVICE` or `azora up` applies it.")]
pub(crate) struct Env {
    /// Whose: a service (api) or a single instance (api.1)
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Show what looks like a secret, too: an act of its own, which the book keeps
    #[arg(long)]
    pub(crate) reveal: bool,
    /// With --reveal: why, for the book of acts
    #[arg(long, value_name = "TEXT", requires = "reveal")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What goes into a bundle for whoever helps.
#[derive(Debug, Args)]
#[command(after_help = "\
In it are versions, the status, definitions, events, acts, incidents, security, rules, the limits of this machine, the \
engine's log, settings, and reports of crashes and of emergency stops; not what services wrote. Secrets are hidden. It \
is a file for you to read first: nothing is sent anywhere. Without an engine there is less in it.

Examples:
  azora support
  azora support --output /tmp/for-a-friend.tar.gz")]
pub(crate) struct Support {
    /// Where to write it; no file is written over [default: azora-support-TIME.tar.gz here]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A service has a terminal when its definition says `tty = true`. Any number may look on at once, here and in \
the window; one types at a time, and attaching takes the input from whoever has it. The terminal is as large \
as that of who types. Ctrl-P Ctrl-Q lets go of it, and the service runs on; every other key goes to the \
service, Ctrl-C as well. That somebody took the input stands in the book of acts; what is typed does not.")]
pub(crate) struct Attach {
    /// Whose: a service (console) or a single instance (console.1)
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Look on and type nothing
    #[arg(long)]
    pub(crate) read_only: bool,
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
    /// Those of all clusters of this home
    #[arg(short, long, conflicts_with = "cluster")]
    pub(crate) all: bool,
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
    /// In all clusters of this home
    #[arg(short, long, conflicts_with = "cluster")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on with new ones as they come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only those about this service, among the newest 10,000
    #[arg(long, value_name = "SERVICE", value_parser = crate::past::service)]
    pub(crate) service: Option<ServiceName>,
    #[command(flatten)]
    pub(crate) recent: Recent,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The rules that let an act in, or refused it, stand behind it; docs/policy.md says how they are written. Of a burst of
refused acts of one kind one a second is here.")]
pub(crate) struct Acts {
    /// Only those that were refused, among the newest
    #[arg(long)]
    pub(crate) refused: bool,
    #[command(flatten)]
    pub(crate) recent: Recent,
}

#[derive(Debug, Args)]
#[command(after_help = "\
With NAME the command ends with 3 where nothing has it, and says why. 2,000 entries are shown at most.

Programs register and leave by HTTP at the address that `azora status` shows; docs/registry.md has how.")]
pub(crate) struct Registry {
    /// Only entries of this name
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only entries with this tag; may be given several times, for all of them
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Rates, errors and times are those of the last 10 s. ERRORS is the share that was answered 5xx, or by no \
instance. SERVING is how many of its instances get requests; WHY is said of those that do not.

Examples:
  azora gateway                     every route
  azora gateway log --follow        what comes through, as it comes
  azora gateway log --route api.shop.localhost")]
pub(crate) struct Gateway {
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(subcommand)]
    pub(crate) command: Option<GatewayCommand>,
}

impl Gateway {
    /// It goes on until somebody ends it.
    pub(crate) fn follows(&self) -> bool {
        matches!(&self.command, Some(GatewayCommand::Log(log)) if log.follow)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum GatewayCommand {
    /// Show the last requests, oldest first: what was asked, what was answered, by whom
    Log(GatewayLog),
}

#[derive(Debug, Args)]
pub(crate) struct GatewayLog {
    /// Go on with new ones as they come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only those of this route: its host, like api.shop.localhost
    #[arg(long, value_name = "HOST")]
    pub(crate) route: Option<String>,
    #[command(flatten)]
    pub(crate) recent: Recent,
}

#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "\
The engine looks twice a minute and when something happens. What is looked for, how grave each thing is and what cannot \
be seen: docs/security.md.

Examples:
  azora security                 the threat level, and what was found
  azora security --now --check   look first; end with 1 if there is any threat")]
pub(crate) struct Security {
    /// Look first, and do not wait for the next look
    #[arg(long)]
    pub(crate) now: bool,
    /// End with 1 if there is any threat
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) json: Json,
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
#[command(after_help = "\
A Procfile is read with the .env, .foreman and .overmind.env beside it, a process-compose.yaml with \
its override and .env, a compose.yaml with its override, .env, and all files it names. What it says that a \
definition cannot, and what was decided for it, is told on stderr with its line.

Several files of a folder become one definition. A service of a compose file keeps its name; of the others, one whose \
name is taken gets another, and that is told.

Examples:
  azora import                        the azora.toml that says what is in this folder
  azora import shop/Procfile.dev      the same of one file
  azora import compose.yaml Procfile  both in one
  azora import --write                write it as azora.toml, which counts from then on")]
pub(crate) struct Import {
    /// A Procfile, process-compose.yaml or compose.yaml, or several of a folder, or a folder with one [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Services of this profile of a compose file are always wanted. May be repeated
    #[arg(long = "profile", value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Write it as azora.toml beside the file; one that is there is never replaced
    #[arg(long)]
    pub(crate) write: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
What is in package.json, Cargo.toml, pyproject.toml and requirements.txt is read, in the folder and \
in the parts that its workspaces name, or else in the folders directly in it. A file that says what \
runs, like a Procfile, counts before all of them. Nothing is run.

Examples:
  azora init             what a first azora.toml of this folder may be
  azora init --write     write it, to be read, changed, and brought up")]
pub(crate) struct Init {
    /// A folder
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Write it as azora.toml; one that is there is never replaced
    #[arg(long)]
    pub(crate) write: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A folder with an azora.toml, a compose.yaml or a Procfile, or the file
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// As `up` reads it with this profile. May be repeated
    #[arg(long = "profile", value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
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
