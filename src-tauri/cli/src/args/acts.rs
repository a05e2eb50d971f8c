//! What can be typed behind the commands that do something.

use super::Json;
use clap::Args;
use model::ApprovalId;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
Without --detach, and when no engine runs, the engine runs inside this command: Ctrl-C or \
SIGTERM takes the cluster down in order, a second one ends everything at once. When an engine runs \
already, or with --detach, the command returns when everything has settled. Closing the terminal \
(SIGHUP) takes nothing down: the engine ends in order, the services run on, and the next \
`azora up` adopts them.

The first run of a folder on a terminal shows what will be executed and asks. Where nobody can be \
asked, typing the command is the consent. What makes a container as good as root on this machine is \
asked for each time it is new, and refused where nobody can be asked, unless --allow-risks is given.

Services get the environment of this command.

A service with `profiles` in its definition is started when one of them is asked for, when it is named, or when a \
service that is started cannot do without it. One that runs is not stopped for not being asked for.

Examples:
  azora up --profile debug
  azora up --category data
  azora up shop --service api")]
pub(crate) struct Up {
    /// A folder with an azora.toml, a compose.yaml or a Procfile, or the file [default: the current folder, or the
    /// nearest above it with an azora.toml; without one, the nearest with another of them]
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Only this service and what it needs; others are left as they are. May be repeated
    #[arg(short, long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Only the services of this category and what they need. May be repeated
    #[arg(long = "category", value_name = "CATEGORY")]
    pub(crate) categories: Vec<String>,
    /// Services of this profile, too. May be repeated
    #[arg(long = "profile", value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Leave the cluster running in the background and return when it has settled
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Do not ask before the first run of this folder
    #[arg(short, long, visible_alias = "trust")]
    pub(crate) yes: bool,
    /// Allow what makes containers as good as root on this machine: privileged ones, the daemon's socket, devices
    #[arg(long)]
    pub(crate) allow_risks: bool,
    #[command(flatten)]
    pub(crate) why: Why,
    /// With --detach: print JSON
    #[arg(long, requires = "detach")]
    pub(crate) json: bool,
}

impl Up {
    pub(crate) fn choice(&self) -> spec::Choice {
        spec::Choice {
            services: crate::whom::called(&self.services),
            categories: self.categories.clone(),
            profiles: self.profiles.clone(),
        }
    }

    pub(crate) fn json(&self) -> Json {
        Json { json: self.json }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
The command finds WEB_PORT, WEB_HOST and WEB_URL for a service called web, and what the cluster's env files \
set. It runs in this terminal, once all services are ready; when one is not, it is not run. A cluster that ran \
before runs on afterwards; any other is taken down. The exit code is the command's own.

Examples:
  azora run -- npm test
  azora run shop -- sh -c 'curl --fail \"$API_URL/health\"'")]
pub(crate) struct Run {
    /// A folder with an azora.toml, a compose.yaml or a Procfile, or the file [default: as for up]
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Services of this profile, too. May be repeated
    #[arg(long = "profile", value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Do not ask before the first run of this folder
    #[arg(short, long, visible_alias = "trust")]
    pub(crate) yes: bool,
    /// Allow what makes containers as good as root on this machine: privileged ones, the daemon's socket, devices
    #[arg(long)]
    pub(crate) allow_risks: bool,
    #[command(flatten)]
    pub(crate) why: Why,
    /// What to run beside the cluster
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitFor {
    /// Ready and well.
    Healthy,
    /// Ready, if perhaps slow.
    Ready,
    /// Nothing runs.
    Stopped,
}

impl std::fmt::Display for WaitFor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Ready => "ready",
            Self::Stopped => "stopped",
        })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every instance has to be there. What may end (a oneshot, or one with `success`) is there once it has completed. What is in \
quarantine does not come by itself: then it ends at once, with 1, as when the time is over.

Examples:
  azora wait api --healthy
  azora wait --timeout 5m             all services of the cluster
  azora wait web --stopped")]
pub(crate) struct Wait {
    /// Which; of none named, all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Until they are ready and not degraded
    #[arg(long)]
    pub(crate) healthy: bool,
    /// Until they are ready; the default
    #[arg(long, conflicts_with = "healthy")]
    pub(crate) ready: bool,
    /// Until they are stopped
    #[arg(long, conflicts_with_all = ["healthy", "ready"])]
    pub(crate) stopped: bool,
    /// How long at most: 90s, 5m [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Wait {
    pub(crate) fn goal(&self) -> WaitFor {
        match (self.healthy, self.stopped) {
            (true, _) => WaitFor::Healthy,
            (false, true) => WaitFor::Stopped,
            (false, false) => WaitFor::Ready,
        }
    }
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Why {
    /// Why, for the book of acts
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
An act that needs approvals is not done and gets a number. A person who is not the one who asked says `azora approve \
NUMBER`; when there are enough, it is asked for again with `--approval NUMBER`, which counts once.")]
pub(crate) struct Approvals {
    /// Also those that were used, denied or not approved in time
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// Its number, as `azora approvals` shows it
    #[arg(value_name = "ID", value_parser = approval)]
    pub(crate) id: ApprovalId,
    /// Who you are, where several use one account
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Why, for the book of acts
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// The number of what waits for approval.
pub(crate) fn approval(typed: &str) -> Result<ApprovalId, std::num::ParseIntError> {
    typed.parse().map(ApprovalId)
}

#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Volumes stay, with what is in them. With --volumes they are listed with their sizes and, once a person has agreed, \
removed when all of the cluster has ended, those of its containers that have no name among them. What is in them is lost. \
External volumes are somebody else's and stay. Where nobody can be asked, nothing is done unless --yes is given.
Where no engine runs and the home has clusters, one is started for it, in the background.

Examples:
  azora down
  azora down --volumes")]
pub(crate) struct Down {
    /// Remove the cluster's volumes as well, with all that is in them
    #[arg(short, long)]
    pub(crate) volumes: bool,
    /// Do not ask before volumes are removed
    #[arg(short, long, requires = "volumes")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// An order about all of a cluster, or of a home.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Whole {
    #[command(flatten)]
    pub(crate) why: Why,
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
    #[command(flatten)]
    pub(crate) json: Json,
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
#[command(after_help = "\
With `advise` healing works out what it would do and asks: `azora approvals` shows it, `azora approve NUMBER` has it \
done, and what was not approved of is not done. What is said here counts until `defined`, over restarts of the engine \
too. Without a mode it is shown.")]
pub(crate) struct Autonomy {
    /// How far
    #[arg(value_enum)]
    pub(crate) mode: Option<Mode>,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// How far healing goes by itself.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Mode {
    /// It begins nothing; what is wrong is found and told
    Off,
    /// It proposes what it would do, and a person approves of that
    Advise,
    /// It does what the definition lets it do
    On,
    /// As the definition says
    Defined,
}

impl From<Mode> for Option<model::Autonomy> {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Off => Some(model::Autonomy::Off),
            Mode::Advise => Some(model::Autonomy::Advise),
            Mode::On => Some(model::Autonomy::On),
            Mode::Defined => None,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Incidents are recorded, told to webhooks and shown in the window all the same. What happens while it is muted is not \
told afterwards.")]
pub(crate) struct Mute {
    /// Whose incidents: with which services at the root
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Everything in this home, and not only this cluster
    #[arg(long, conflicts_with_all = ["services", "cluster"])]
    pub(crate) everything: bool,
    /// Turn notifications on again by itself after so long: 90s, 30m, 2h, 1d
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) span: Option<String>,
    /// List what is muted in this home, and until when
    #[arg(long, conflicts_with_all = ["services", "everything", "span", "reason"])]
    pub(crate) list: bool,
    /// With --list: print JSON
    #[arg(long, requires = "list")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Unmute {
    /// Which; none is what was muted as a whole
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// What was muted for everything in this home
    #[arg(long, conflicts_with_all = ["services", "cluster"])]
    pub(crate) everything: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// Which, and to how many
    #[arg(required = true, value_name = "SERVICE=N")]
    pub(crate) wanted: Vec<String>,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) json: Json,
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
#[command(after_help = "\
Ctrl-C, SIGTERM or closing the terminal ends the engine and leaves the services running; the next \
engine of this home adopts them. `azora down` takes them down.")]
pub(crate) struct Serve {
    /// Where the API and the browser UI listen on 127.0.0.1; 0 is any free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Where the registry listens on 127.0.0.1; 0 is where settings.toml says, or 7421, or the port it had
    /// last, or any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) registry_port: u16,
    /// Where the gateway listens on 127.0.0.1; 0 is where settings.toml says, or 7422, or the port it had
    /// last, or any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) gateway_port: u16,
    /// Take the home over from the engine that has it; its services keep running
    #[arg(long)]
    pub(crate) take_over: bool,
}
