//! What can be typed behind `azora ledger`.

use super::Json;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
Every act and its outcome is an entry, in the order in which they came to be. A running engine signs them every \
1,000 entries, or a minute after the first that is not signed. Without an engine the home's files are read. \
docs/ledger.md says what this shows, and what it cannot.

Examples:
  azora ledger show                            the newest entries
  azora ledger verify                          is it what was signed?
  azora ledger checkpoint --write /mnt/share/shop.checkpoint
  azora ledger verify --checkpoint /mnt/share/shop.checkpoint
  azora ledger prove 42                        that entry 42 is in it, for somebody who has no more of it
  azora ledger export audit                    all of it, and how to verify it without Azora")]
pub(crate) struct Ledger {
    #[command(subcommand)]
    pub(crate) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Show entries, the newest last
    Show(LedgerShow),
    /// Hold all entries against what was signed of them, and say what was found and what cannot be
    Verify(LedgerVerify),
    /// Prove that an entry is in it, or that a smaller ledger has grown into it
    Prove(LedgerProve),
    /// Write all of it into a folder, with what verifies it without Azora
    Export(LedgerExport),
    /// Print the newest checkpoint: a signed note, to be kept elsewhere
    Checkpoint(LedgerCheckpoint),
}

#[derive(Debug, Args)]
pub(crate) struct LedgerShow {
    /// From the entry of this number on [default: so that the newest is the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It ends with 1 when anything was found. Checkpoints in the places that settings.toml names are held against it by \
themselves, and a place that cannot be looked at is a finding. What was done to the newest entries with the home's own key, or to an end that \
was cut off with its checkpoints, only a checkpoint shows that was kept elsewhere.")]
pub(crate) struct LedgerVerify {
    /// Hold it against a checkpoint that was kept elsewhere too: a file, or all *.checkpoint of a folder
    #[arg(long, value_name = "PATH")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Trust this public key, azora/NAME+HASH+KEY, and not the one in the home; may be given again
    #[arg(long, value_name = "KEY")]
    pub(crate) public_key: Vec<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A proof is JSON: the entry, the hash of its leaf, the hashes on the way to the root (RFC 6962), and the signed checkpoint \
(C2SP) with that root.

Examples:
  azora ledger prove 42
  azora ledger prove 42 --at 1000                by the checkpoint of 1000 entries
  azora ledger prove --consistency 500 1000      that the 1000 begin with what the 500 were")]
pub(crate) struct LedgerProve {
    /// The number of the entry
    #[arg(
        value_name = "N",
        required_unless_present = "consistency",
        conflicts_with = "consistency"
    )]
    pub(crate) n: Option<u64>,
    /// By the checkpoint of so many entries [default: the newest]
    #[arg(long, value_name = "SIZE", conflicts_with = "consistency")]
    pub(crate) at: Option<u64>,
    /// That the ledger of A entries has grown into that of B, of which there is a checkpoint
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub(crate) consistency: Vec<u64>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerExport {
    /// A folder that is not there yet, or empty
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerCheckpoint {
    /// Write it into this file instead; never over one that says more, or other than this ledger's
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}
