//! Whole stories with real processes: the built `azora`, in homes of their own, side by side.
//!
//! Each story is told from outside, as root and as anybody else, and ends with nothing left behind.
//! Needs the programs built: `cargo build -p cli -p shim -p organ -p puppet`.

mod abuse;
mod abuse_h2;
mod abuse_slow;
mod agents;
mod attach;
mod autonomy;
mod check;
mod compose;
mod consul;
mod corpus;
mod crash;
mod edit;
mod ends;
mod engine_death;
mod exhaustion;
mod faults;
mod formats;
mod gateway;
mod gateway_clients;
mod gateway_seen;
mod heal;
mod hostile;
mod ledger;
mod limits;
mod load;
mod logs;
mod mixed;
mod mutes;
mod names;
mod outputs;
mod probes;
mod real_stack;
mod rehearse;
mod remedies;
mod rolling;
mod rules;
mod schedule;
mod script;
mod secrets;
mod security;
mod stacks;
mod stop;
mod strangers;
mod terminal;
mod together;
mod twins;
mod up;
mod user;
mod volumes;
mod watch;
mod webhook;
mod zoo;
