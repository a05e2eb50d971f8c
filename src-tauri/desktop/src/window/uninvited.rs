//! A second window, which no capability names: what a page could do that got a window of its own. It is there for the
//! test in a real web view (`tests/e2e/uninvited.mjs`) and nothing else: only a build with debug assertions has it, and
//! opens it only when the environment says so. It calls every command and says in its title what came of that.

use api::command_names::COMMAND_NAMES;
use tauri::{AppHandle, Manager, Runtime, WebviewUrl, WebviewWindowBuilder};

/// The variable that asks for it.
const ASKED_BY: &str = "AZORA_TEST_UNINVITED";
/// Its label, and what its titles begin with: the page of the UI, which it shows, has titles of its own.
const LABEL: &str = "uninvited";

const CALLS: &str = "
    addEventListener('load', async () => {
        let refused = 0;
        const others = [];
        for (const name of NAMES) {
            try {
                await window.__TAURI_INTERNALS__.invoke(name, { request: {}, id: 0 });
                others.push(`${name} was let in`);
            } catch (error) {
                const said = String(error?.message ?? error);
                if (/not allowed/.test(said)) refused += 1;
                else others.push(`${name}: ${said}`);
            }
        }
        document.title = `uninvited: ${refused} of ${NAMES.length} refused; ${others.length} not: ${others}`;
    });";

/// Opens it where that was asked for, once.
pub(crate) fn open_if_asked<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    if std::env::var_os(ASKED_BY).is_none() || app.get_webview_window(LABEL).is_some() {
        return Ok(());
    }
    let names = serde_json::Value::from(COMMAND_NAMES.to_vec());
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title(LABEL)
        .initialization_script(format!("const NAMES = {names};{CALLS}"))
        .on_document_title_changed(|window, title| {
            if title.starts_with(LABEL)
                && let Err(error) = window.set_title(&title)
            {
                tracing::warn!(%error, "failed to say what came of the calls");
            }
        })
        .build()?;
    Ok(())
}
