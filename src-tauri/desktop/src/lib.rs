//! Everything that knows Tauri: the window, the tray, notifications, and the engine beside them.
//!
//! The root package holds `generate_context!` and calls [`run`]. What the window may ask is the
//! command table of `api`; what it shows is the built `ui`. Nothing about services is decided here:
//! the desktop is one host among others, and ends without taking them along.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

#[cfg(target_os = "linux")]
mod bus;
mod commands;
mod copies;
mod embedded;
mod emergency;
mod environment;
mod frame;
mod grave;
mod links;
mod notify;
mod open;
mod options;
mod platform;
mod quit;
mod saves;
mod screen;
mod streams;
mod tray;
mod watch;
mod window;

use embedded::{Embedded, Settings};
use options::{Asked, Options};
use std::path::PathBuf;
use std::process::ExitCode;
use tauri::{AppHandle, Builder, Manager, RunEvent, Runtime, Wry};

/// Runs the app until it is quit. `context` is what the root package's build made of
/// `tauri.conf.json`.
pub fn run(context: tauri::Context<Wry>, set: Vec<&'static str>) -> ExitCode {
    driver::env::keep_back(set);
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let options = match Options::parse(std::env::args_os().skip(1), &cwd) {
        Ok(Asked::Window(options)) => options,
        Ok(Asked::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Version) => {
            println!("azora-desktop {}", context.package_info().version);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("azora-desktop: {error}");
            return ExitCode::from(2);
        }
    };
    driver::allocator::share_arenas();
    let filter = tracing_subscriber::EnvFilter::try_from_env("AZORA_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info,zbus=warn".into()))
        .with_writer(engine::crash::log)
        .init();

    let Some(home) = driver::Layout::from_env() else {
        eprintln!(
            "azora-desktop: neither AZORA_HOME nor HOME is set, so there is nowhere to keep state"
        );
        return ExitCode::from(2);
    };
    let version = context.package_info().version.to_string();
    engine::crash::report_panics(home.home().to_owned(), "azora-desktop", version);
    let settings = Settings {
        home,
        programs: programs(),
        version: context.package_info().version.to_string(),
    };
    let bus_name = platform::bus_name(&context.config().identifier, settings.home.home());
    let app = rooms(Builder::default(), settings)
        // First, so that a second start ends before it touches anything.
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .dbus_id(bus_name)
                .callback(second_start)
                .build(),
        )
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_state_flags(window::REMEMBERED)
                .build(),
        )
        // Off until a person turns it on.
        .plugin(
            tauri_plugin_autostart::Builder::new()
                .arg("--hidden")
                .build(),
        )
        .setup(move |app| {
            let app = app.handle();
            app.manage(screen::Screen::open(app));
            let window = window::create(app)?;
            if options.hidden {
                window.hide()?;
            }
            tray::create(app)?;
            tauri::async_runtime::spawn(end_on_signal(app.clone()));
            tauri::async_runtime::spawn(embedded::run(app.clone(), options));
            Ok(())
        })
        .build(context);
    match app {
        Ok(app) => {
            app.run(|app, event| {
                // The last window's end is not the app's, unless it is leaving.
                if let RunEvent::ExitRequested {
                    api, code: None, ..
                } = event
                    && !app.state::<quit::Leaving>().is_under_way()
                {
                    api.prevent_exit();
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("azora-desktop: failed to open the window: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What every build of the app has, with a display or without: its state and its commands.
fn rooms<R: Runtime>(builder: Builder<R>, settings: Settings) -> Builder<R> {
    builder
        .manage(settings)
        .manage(window::Led::default())
        .manage(Embedded::default())
        .manage(streams::Streams::default())
        .manage(quit::Leaving::default())
        .manage(grave::Asking::default())
        .manage(tray::Shown::default())
        .invoke_handler(commands::handle)
}

/// The app's commands with no engine behind them, for the root package to try its permissions on:
/// a call that is let through is answered with `why`.
pub fn commands_only<R: Runtime>(builder: Builder<R>, why: &str) -> Builder<R> {
    builder
        .manage(Embedded::missing(why))
        .manage(grave::Asking::default())
        .manage(streams::Streams::default())
        .invoke_handler(commands::handle)
}

/// The folder this program lies in; its companions lie there too.
fn programs() -> PathBuf {
    let own = std::env::current_exe().and_then(|path| path.canonicalize());
    own.ok()
        .and_then(|path| path.parent().map(PathBuf::from))
        .unwrap_or_default()
}

/// Somebody started the app again: this one comes to the front and opens what that one was given.
fn second_start<R: Runtime>(app: &AppHandle<R>, args: Vec<String>, cwd: String) {
    window::show(app, &window::Place::Home);
    match Options::parse(args.into_iter().skip(1), cwd.as_ref()) {
        Ok(Asked::Window(Options {
            open: Some(opening),
            trust,
            ..
        })) => {
            tauri::async_runtime::spawn(open::opening(app.clone(), opening, trust));
        }
        // Help and version were printed by that one.
        Ok(_) => {}
        Err(error) => open::refuse(app, &open::capital(&error.to_string())),
    }
}

/// A session that ends, or Ctrl-C in the terminal: in good order, and the services stay.
#[cfg(unix)]
async fn end_on_signal<R: Runtime>(app: AppHandle<R>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::warn!("signals are left to their defaults");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    quit::leave(&app, quit::Services::StayUnwatched);
}

#[cfg(not(unix))]
async fn end_on_signal<R: Runtime>(_app: AppHandle<R>) {}
