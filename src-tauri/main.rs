//! The desktop app: what `tauri.conf.json` and `ui/dist` became at build time, handed to `desktop`.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod web_view;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    let set = web_view::keep_small();
    #[cfg(not(target_os = "linux"))]
    let set = Vec::new();
    desktop::run(tauri::generate_context!(), set)
}

#[cfg(test)]
mod tests {
    //! The permissions this app is really built with, asked of Tauri without a display. That they are written down whole
    //! and once is held by the architecture test, which is there sooner.

    use tauri::ipc::{CallbackFn, InvokeBody};
    use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
    use tauri::webview::InvokeRequest;
    use tauri::{App, WebviewWindow, WebviewWindowBuilder};

    #[expect(
        unreachable_pub,
        reason = "the file is written for `api`, where it is public"
    )]
    mod table {
        include!("api/src/command_names.rs");
    }
    use table::COMMAND_NAMES;

    const NO_ENGINE: &str = "there is no engine in this test";

    fn app() -> App<MockRuntime> {
        let builder = desktop::commands_only(mock_builder(), NO_ENGINE);
        builder
            .build(tauri::generate_context!(test = true))
            .expect("the app builds")
    }

    fn window(app: &App<MockRuntime>, label: &str) -> WebviewWindow<MockRuntime> {
        WebviewWindowBuilder::new(app, label, Default::default())
            .build()
            .expect("a mock window")
    }

    /// Calls as the page at `url` would; what was answered, as text.
    fn call(
        window: &WebviewWindow<MockRuntime>,
        url: &str,
        command: &str,
    ) -> Result<String, String> {
        let request = InvokeRequest {
            cmd: command.to_owned(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: url.parse().expect("a URL"),
            body: InvokeBody::Json(serde_json::json!({
                "request": {}, "id": 0
            })),
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        let answer = get_ipc_response(window, request);
        answer
            .map(|_| String::new())
            .map_err(|refused| refused.to_string())
    }

    #[test]
    fn the_window_may_call_every_command_of_the_table() {
        let app = app();
        let main = window(&app, "main");
        for command in COMMAND_NAMES {
            let answer = call(&main, "tauri://localhost", command);
            match *command {
                "pull" | "unstream" => assert!(answer.is_ok(), "{command}: {answer:?}"),
                // It writes what it is given, and was given nothing.
                "save_file" => assert!(
                    answer
                        .clone()
                        .is_err_and(|e| e.contains("without its bytes")),
                    "{command}: {answer:?}"
                ),
                _ => assert!(
                    answer.clone().is_err_and(|e| e.contains(NO_ENGINE)),
                    "{command}: {answer:?}"
                ),
            }
        }
    }

    #[test]
    fn no_other_window_and_no_other_page_may_call_any() {
        let app = app();
        let (main, other) = (window(&app, "main"), window(&app, "other"));
        for command in COMMAND_NAMES {
            for (window, url) in [
                (&other, "tauri://localhost"),
                (&main, "http://127.0.0.1:8080"),
            ] {
                let answer = call(window, url, command);
                let refused = answer.clone().is_err_and(|e| e.contains("not allowed"));
                assert!(refused, "{command} from {url}: {answer:?}");
            }
        }
    }

    #[test]
    fn what_the_window_does_not_use_it_may_not_call() {
        let app = app();
        let main = window(&app, "main");
        for command in [
            "plugin:window|close",
            "plugin:webview|create_webview_window",
            "plugin:event|emit",
            "plugin:path|resolve_directory",
            "plugin:notification|notify",
            "plugin:opener|open_path",
            "plugin:dialog|message",
            "no_such_command",
        ] {
            let answer = call(&main, "tauri://localhost", command);
            assert!(answer.is_err(), "{command} is open to the window");
        }
    }
}
