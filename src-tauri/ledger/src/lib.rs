//! Shows that the book of acts is what it was: a Merkle log by RFC 6962 over its entries, signed now and then.
//!
//! `store` writes the entries, in the transaction of what they tell; this room reads them, grows the tree,
//! signs checkpoints (C2SP tlog-checkpoint, a signed note by ed25519), and holds the one against the
//! other. The tree, its proofs, notes and signatures are `tlog_tiles` and `signed_note`. Called by
//! `engine`, which says when to sign, and by `cli`, which verifies with no engine.
//!
//! It refuses to change an entry, and to say more than it can know: who may write to a home may also sign with
//! its key, so what was signed last, kept elsewhere, is what a changed past or a cut end is known by.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod check;
mod elsewhere;
mod error;
mod fault;
mod key;
mod keys;
mod note;
mod prove;
mod seal;
mod source;
mod tree;
mod verify;

pub use elsewhere::{Stand, file_of, file_of_name, read_note, stand, write_note};
pub use error::Error;
pub use fault::Fault;
pub use key::{Key, Public};
pub use keys::{Keys, Trust};
pub use note::Checkpoint;
pub use prove::{Consistency, Grown, Inclusion, consistency, inclusion};
pub use seal::Sealer;
pub use source::Source;
pub use store::{Book, Entries, Kept};
pub use verify::{Outside, Verdict, Verifier, verify};
