//! The heart: desired and observed in, effects out. One pure function per cluster,
//! [`step`]`(&mut Cluster, Input, Now) -> Vec<Effect>`.
//!
//! The engine's owner loop calls it with everything that happens and carries out what it answers;
//! the tests and `rehearsal` call it with worlds of their own. It has no clock, no I/O,
//! no randomness and no hash maps, so the same inputs give the same effects.

mod adopt;
mod autonomy;
mod circuit;
mod cluster;
mod command;
mod delay;
mod doubt;
mod due;
mod edit;
mod effect;
mod excuse;
mod experience;
mod finding;
mod gap;
mod graph;
mod heal;
mod hold;
mod hooks;
mod incident;
mod instance;
pub mod io;
mod learned;
mod memory;
mod observed;
mod patience;
mod probe;
mod progress;
mod refresh;
mod reprobe;
mod rise;
mod rollback;
mod rolling;
mod said;
mod scale;
mod schedule;
mod settle;
mod start;
mod status;
mod step;
mod stop;
mod timeline;
mod unfinished;
mod unready;
mod waits;

pub use cluster::Cluster;
pub use effect::Effect;
pub use finding::Found;
pub use healing::Experience;
pub use io::{Adoption, Command, Input, LastWords, Look, OwnCheck, Said, Sighting, TimerKey};
pub use learned::Learned;
pub use memory::Memory;
pub use step::step;
pub use unfinished::Unfinished;
