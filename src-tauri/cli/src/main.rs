//! The `azora` command: brings clusters up, shows them, and can be the engine when none runs.
//!
//! It speaks to the engine of a home through `api::client`, and runs one itself for `serve` and
//! `up`. `check`, `rehearse`, `policy`, `who`, `emergency-stop`, `completions` and `man` need none. Results go to
//! stdout, everything else to stderr; nothing a service said reaches the terminal unchecked.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

// What is typed, how it ends, what is shown.
mod args;
mod fail;
mod graph;
mod holds;
mod mutes;
mod names;
mod table;
mod terminal;
mod text;

// What is meant: which home, which cluster, which definition.
mod consent;
mod definition;
mod place;
mod whom;

// What is, what was, what was printed.
mod attach;
mod env;
mod gateway;
mod import;
mod incidents;
mod init;
mod ledger;
mod logs;
mod outcome;
mod past;
mod reads;
mod registry;
mod rehearse;
mod reveal;
mod stacks;
mod status;
mod support;
mod who;

// What is done, and how it is followed.
mod acts;
mod agents;
mod approvals;
mod autonomy;
mod board;
mod book;
mod down;
mod wait;
mod watch;
mod webhooks;

// Where an engine comes from, and what needs none.
mod emergency;
mod engine_here;
mod manual;
mod patience;
mod rules;
mod run;
mod schema;
mod security;
mod serve;
mod skill;
mod up;

use args::{Arguments, Command, Place};
use board::Aim;
use clap::Parser;
use fail::{Done, Fail};
use patience::{Waits, patient};
use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terminal::{Paint, Terminal, note};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(id) = arguments.place.approval {
        api::client::ask_with_approval(id);
    }
    match agents::as_one().and_then(|()| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => {
            if !fail.message.is_empty() {
                note(&format!(
                    "{} {}",
                    Terminal::stderr().paint(Paint::Bad, "azora:"),
                    fail.message
                ));
            }
            fail.exit()
        }
    }
}

fn run(arguments: &Arguments) -> Done {
    let place = &arguments.place;
    match &arguments.command {
        Command::Check(check) => {
            place::no_cluster(
                place,
                "a definition is checked; name its file or its folder",
            )?;
            definition::check(&place::folder(place)?, check)
        }
        Command::Init(arguments) => {
            place::no_cluster(place, "a definition is proposed for a folder; name it")?;
            init::init(&place::folder(place)?, arguments)
        }
        Command::Import(arguments) => {
            place::no_cluster(place, "a file is imported; name it or its folder")?;
            import::import(&place::folder(place)?, arguments)
        }
        Command::Rehearse(arguments) => {
            place::no_cluster(
                place,
                "a rehearsal is of a definition; name its file or its folder",
            )?;
            one_thread(rehearse::rehearse(&place::folder(place)?, arguments))
        }
        Command::Policy(asked) => rules::policy(place, asked),
        // Reading and hashing a million entries is done at once, on as many threads as there are.
        Command::Ledger(asked) => asks(place, ledger::ledger(place, asked)),
        Command::EmergencyStop(emergency) => emergency::emergency_stop(place, emergency),
        Command::Up(arguments) => {
            // A word of the engine's in the middle of the picture would only be in the way.
            listen_to_the_engine(place, "error")?;
            many_threads(up::up(place, arguments))
        }
        Command::Run(arguments) => {
            listen_to_the_engine(place, "error")?;
            many_threads(run::run(place, arguments))
        }
        Command::Wait(arguments) => orders(place, wait::wait(place, arguments)),
        Command::Serve(arguments) => {
            listen_to_the_engine(place, "info")?;
            many_threads(serve::serve(place, arguments))
        }
        Command::Who(port) => who::who(place, port),
        // Each home has its own short time there: one that hangs does not hide the others.
        Command::Ps(ps) if ps.all => one_thread(reads::ps(place, *ps)),
        Command::Ps(ps) => asks(place, reads::ps(place, *ps)),
        Command::Graph(graph) => asks(place, graph::graph(place, *graph)),
        Command::Incidents(arguments) => asks(place, incidents::incidents(place, arguments)),
        Command::Incident(one) => asks(place, incidents::incident(place, one)),
        Command::Healed(arguments) => asks(place, incidents::healed(place, arguments)),
        Command::Status(status) => asks(place, status::status(place, *status)),
        Command::Events(events) if events.follow => orders(place, past::events(place, events)),
        Command::Events(events) => asks(place, past::events(place, events)),
        Command::Approvals(list) => asks(place, approvals::approvals(place, list)),
        Command::Approve(one) => asks(place, approvals::answer(place, one, "approve")),
        Command::Deny(one) => asks(place, approvals::answer(place, one, "deny")),
        Command::Agents(all) => asks(place, agents::agents(place, all)),
        Command::Acts(acts) => asks(place, book::acts(place, acts)),
        // A look takes as long as the disk does.
        Command::Security(asked) if asked.now => orders(place, security::security(place, asked)),
        Command::Security(asked) => asks(place, security::security(place, asked)),
        Command::Registry(registry) => asks(place, registry::registry(place, registry)),
        // A receiver may take its whole time to answer a test.
        Command::Webhooks(webhooks) if webhooks.command.is_some() => {
            orders(place, webhooks::webhooks(place, webhooks))
        }
        Command::Webhooks(webhooks) => asks(place, webhooks::webhooks(place, webhooks)),
        Command::Gateway(gateway) if gateway.follows() => {
            orders(place, gateway::gateway(place, gateway))
        }
        Command::Gateway(gateway) => asks(place, gateway::gateway(place, gateway)),
        Command::Support(asked) => asks(place, support::support(place, asked)),
        Command::Completions(asked) => manual::completions(asked),
        Command::Man(asked) => manual::man(asked),
        Command::Schema(asked) => schema::schema(asked),
        Command::Skill(skill) => skill::skill(skill),
        Command::Open => asks(place, reads::open(place)),
        Command::Env(env) => asks(place, env::env(place, env)),
        Command::Attach(attach) => orders(place, attach::attach(place, attach)),
        Command::Logs(logs) if logs.follow => orders(place, logs::logs(place, logs)),
        Command::Logs(logs) => asks(place, logs::logs(place, logs)),
        Command::Start(services) => orders(
            place,
            acts::services_order(place, "start", Aim::Up, services),
        ),
        Command::Stop(services) => orders(
            place,
            acts::services_order(place, "stop", Aim::Rest, services),
        ),
        Command::Restart(restart) => orders(place, acts::restart(place, restart)),
        Command::Release(services) => orders(place, holds::release(place, services)),
        Command::Scale(scale) => orders(place, acts::scale(place, scale)),
        Command::Down(down) => orders(place, down::down(place, down)),
        Command::Forget(why) => orders(place, acts::forget(place, why)),
        Command::Resume(why) => orders(place, acts::resume(place, why)),
        Command::Hold(hold) => orders(place, holds::hold(place, hold)),
        Command::Unhold(held) => orders(place, holds::unhold(place, held)),
        Command::Autonomy(mode) if mode.mode.is_none() => {
            asks(place, autonomy::autonomy(place, mode))
        }
        Command::Autonomy(mode) => orders(place, autonomy::autonomy(place, mode)),
        Command::Mute(mute) if mute.list => asks(place, mutes::mute(place, mute)),
        Command::Mute(mute) => orders(place, mutes::mute(place, mute)),
        Command::Unmute(unmute) => orders(place, mutes::unmute(place, unmute)),
    }
}

/// For a command that only asks the engine: when that hangs, it gives up.
fn asks(place: &Place, work: impl Future<Output = Done>) -> Done {
    one_thread(patient(&place::layout(place)?, Waits::Read, work))
}

/// For a command that orders something, or follows what comes: it waits on.
fn orders(place: &Place, work: impl Future<Output = Done>) -> Done {
    one_thread(patient(&place::layout(place)?, Waits::On, work))
}

/// For a command that asks and prints.
fn one_thread(work: impl Future<Output = Done>) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(no_runtime)?.block_on(work)
}

/// For a command that may be the engine.
fn many_threads(work: impl Future<Output = Done>) -> Done {
    /// Threads for what waits for the disk, that are there from the beginning.
    const WAITING: usize = 4;
    /// So long a thread without work stays; the engine has some more often than that.
    const STAYS: Duration = Duration::from_secs(600);
    driver::allocator::share_arenas();
    // The runtime breaks when it cannot make its first threads; this says why instead.
    std::thread::Builder::new()
        .spawn(|| ())
        .map_err(no_runtime)?
        .join()
        .map_err(|_| Fail::failed("failed to start a thread"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(STAYS)
        .build()
        .map_err(no_runtime)?;
    // When no more processes can be made, no more threads can be made either.
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    for _ in 0..WAITING {
        // None is idle while the gate is closed, so each gets a thread of its own.
        let gate = Arc::clone(&gate);
        runtime.spawn_blocking(move || drop(gate.lock()));
    }
    drop(closed);
    let done = runtime.block_on(work);
    // A thread that still reads from the terminal must not keep the program from ending.
    runtime.shutdown_background();
    done
}

fn no_runtime(error: std::io::Error) -> Fail {
    Fail::failed(format!("failed to start: {error}"))
}

/// What the engine says of itself goes to stderr without secrets, as much as `AZORA_LOG` wants; a panic leaves a report.
fn listen_to_the_engine(place: &Place, usual: &str) -> Done {
    let home = place::layout(place)?.home().to_owned();
    engine::crash::report_panics(home, "azora", env!("CARGO_PKG_VERSION").to_owned());
    let filter = EnvFilter::try_from_env("AZORA_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(engine::crash::log)
        .with_ansi(Terminal::stderr().colour)
        // Complaining on stderr about stderr panics when its terminal was closed.
        .log_internal_errors(false)
        .init();
    Ok(())
}
