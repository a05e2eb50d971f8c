//! What can be typed behind `azora policy`.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
The rules of a home are in its constitution.cedar, or the built-in ones hold where it has none. A project may add \
a constitution.cedar beside its definition, which can forbid more for its own cluster and never allow more. None of \
this needs an engine. docs/policy.md tells the whole of it.

The engine asks these rules before every act, and reads the home's again when the file changes.

Examples:
  azora policy show                             the rules of this home
  azora policy check                            those of the home and of this folder, with line and caret
  azora policy explain stop db --as agent       what is decided, by which rule
  azora policy test cases.toml                  hold the rules to a table of cases")]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the rules of this home as they are written: to read, or to begin one's own from
    Show(PolicyShow),
    /// Check rules: every mistake with its line, a caret and what would be right
    Check(PolicyCheck),
    /// Say what is decided about an act, by which rules and from which facts
    Explain(PolicyExplain),
    /// Hold the rules to a table of cases
    Test(PolicyTest),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  azora policy show                                    what holds in this home
  azora policy show --built-in > constitution.cedar    begin rules of your own; then edit, check, and put them there")]
pub(crate) struct PolicyShow {
    /// Those that are built in, whatever this home has
    #[arg(long)]
    pub(crate) built_in: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheck {
    /// A file of rules [default: those of the home and of the project here]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// FILE is what a project adds: it may only forbid. What lies beside a definition is taken for one
    #[arg(long, requires = "file")]
    pub(crate) project: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  azora policy explain stop db                  may you stop the service db of this folder?
  azora policy explain down --as agent          may an agent take all of it down?
  azora policy explain scale web --as agent --approvals 1
  azora policy explain register --as client")]
pub(crate) struct PolicyExplain {
    /// What is to be done: stop, restart, emergency-stop …
    #[arg(value_name = "VERB")]
    pub(crate) verb: String,
    /// A service of the definition here [default: all of it, or the home where the act is of that]
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Who asks for it
    #[arg(long = "as", value_name = "WHO", default_value = "person")]
    pub(crate) who: Asking,
    /// How many persons have approved of it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) approvals: u32,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A case is written

  [[case]]
  who = \"agent\"            # person, healer, client, watch or agent
  verb = \"stop\"
  service = \"db\"           # or cluster = \"shop\"; neither is the whole home
  category = \"data\"
  protected = true
  expect = \"refused\"       # or allowed, or needs-approval
  rule = \"keep-db\"         # this rule has to be among those that decide; need not be there

and may have `via` and `approvals`. It exits with 1 when a case is not as expected.")]
pub(crate) struct PolicyTest {
    /// A file of cases
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Hold these rules to them [default: those of the home]
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Who asks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Asking {
    /// Somebody at this machine
    Person,
    /// Azora's own healing
    Healer,
    /// A program that uses the registry
    Client,
    /// Azora's own watching of files
    Watch,
    /// A program that acts for a person
    Agent,
    /// Azora's own security monitor
    Monitor,
}

impl From<Asking> for policy::Who {
    fn from(asking: Asking) -> Self {
        match asking {
            Asking::Person => policy::Who::Person,
            Asking::Healer => policy::Who::Healer,
            Asking::Client => policy::Who::Client,
            Asking::Watch => policy::Who::Watch,
            Asking::Agent => policy::Who::Agent,
            Asking::Monitor => policy::Who::Monitor,
        }
    }
}
