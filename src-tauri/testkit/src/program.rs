//! Finding the programs that tests start.

use std::path::PathBuf;

/// The built program of this name: beside the running test, then in `CARGO_TARGET_DIR`, then in
/// `target`.
///
/// # Panics
/// When it is not built. Building it is the caller's part: a test cannot, because cargo holds the
/// target folder while tests run.
pub fn program(name: &str) -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|exe| {
        // A test lies in target/<profile>/deps, an example or bin one higher.
        exe.ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    });
    let target = || {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let path = PathBuf::from(target).join("debug").join(name);
        path.is_file().then_some(path)
    };
    beside.or_else(target).unwrap_or_else(|| {
        panic!("{name} is not built: run `cargo build -p shim -p organ -p puppet -p cli` first")
    })
}
