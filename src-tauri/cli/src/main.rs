//! The `azora` command: brings clusters up, shows them, and can be the engine when none runs.
//!
//! It speaks to the engine of a home through `api::client`, and runs one itself for `serve` and
//! `up`. Only `check`, `who` and `emergency-stop` need none. Results go to stdout, everything else to
//! stderr; nothing a service said reaches the terminal unchecked.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

// What is typed, how it ends, what is shown.
mod args;
mod fail;
mod terminal;
mod text;

// What is meant: which home, which cluster, which definition.
mod definition;
mod place;

// What is, what was, what was printed.
mod env;
mod logs;
mod past;
mod reads;
mod rehearse;
mod stacks;
mod who;

// What is done, and how it is followed.
mod acts;
mod board;
mod watch;

// Where an engine comes from, and what needs none.
mod emergency;
mod engine_here;
mod serve;
mod up;

use args::{Arguments, Command};
use board::Aim;
use clap::Parser;
use fail::{Done, Fail};
use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terminal::{Paint, Terminal, note};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
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
        Command::Check(check) => definition::check(&place::folder(place)?, check),
        Command::Rehearse(arguments) => rehearse::rehearse(&place::folder(place)?, arguments),
        Command::EmergencyStop(emergency) => emergency::emergency_stop(place, emergency),
        Command::Up(arguments) => {
            // A word of the engine's in the middle of the picture would only be in the way.
            listen_to_the_engine("error");
            many_threads(up::up(place, arguments))
        }
        Command::Serve(arguments) => {
            listen_to_the_engine("info");
            many_threads(serve::serve(place, arguments))
        }
        Command::Ps(ps) => one_thread(reads::ps(place, *ps)),
        Command::Who(port) => who::who(place, port),
        Command::Status(json) => one_thread(reads::status(place, *json)),
        Command::Incidents(recent) => one_thread(past::incidents(place, recent)),
        Command::Events(events) => one_thread(past::events(place, events)),
        Command::Open => one_thread(reads::open(place)),
        Command::Env(env) => one_thread(env::env(place, env)),
        Command::Logs(logs) => one_thread(logs::logs(place, logs)),
        Command::Start(services) => {
            one_thread(acts::services_order(place, "start", Aim::Up, services))
        }
        Command::Stop(services) => {
            one_thread(acts::services_order(place, "stop", Aim::Rest, services))
        }
        Command::Restart(restart) => one_thread(acts::restart(place, restart)),
        Command::Release(services) => {
            one_thread(acts::services_order(place, "release", Aim::Up, services))
        }
        Command::Scale(scale) => one_thread(acts::scale(place, scale)),
        Command::Down(why) => one_thread(acts::down(place, why)),
        Command::Forget(why) => one_thread(acts::forget(place, why)),
        Command::Resume(why) => one_thread(acts::resume(place, why)),
        Command::Hold(held) => one_thread(acts::held(place, "hold", held)),
        Command::Unhold(held) => one_thread(acts::held(place, "unhold", held)),
    }
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

/// What the engine says of itself goes to stderr, as much as `AZORA_LOG` wants.
fn listen_to_the_engine(usual: &str) {
    let filter = EnvFilter::try_from_env("AZORA_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(Terminal::stderr().colour)
        // Complaining on stderr about stderr panics when its terminal was closed.
        .log_internal_errors(false)
        .init();
}
