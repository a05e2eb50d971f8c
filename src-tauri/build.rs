//! Tells Tauri what the window may call: the command table's names and nothing else. A command that
//! is not in the manifest would be open to every window.

include!("api/src/command_names.rs");

fn main() {
    // The window shows the built UI, so a new one means a new app.
    println!("cargo::rerun-if-changed=ui/dist");
    println!("cargo::rerun-if-changed=src-tauri/api/src/command_names.rs");
    println!("cargo::rerun-if-changed=src-tauri/capabilities");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("src-tauri/capabilities/*.json")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMAND_NAMES));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error=failed to prepare the app: {error:#}");
    }
}
