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

/// A copy of it, called after `whose`, where any user may execute it; the caller removes it. Folders of
/// builds are often their owner's alone.
///
/// # Panics
/// When there is none, or it cannot be copied.
pub fn program_for_others(name: &str, whose: impl std::fmt::Display) -> PathBuf {
    let copy = std::path::Path::new("/tmp").join(format!("{whose}-{name}"));
    std::fs::copy(program(name), &copy).expect("it can be copied");
    copy
}
