//! Networks of a test's own.

/// Set for a test that has a network of its own.
const OWN_NETWORK: &str = "AZORA_TEST_OWN_NETWORK";

/// Runs a test once more in a network of its own, where bridges and who listens on them are nobody else's. `name` is
/// the test's, as its program lists it. Without root there is none, and it runs where it is.
///
/// # Panics
/// When it fails there.
pub fn in_own_network(name: &str, test: impl FnOnce()) {
    if std::env::var_os(OWN_NETWORK).is_some() || !crate::is_root() {
        return test();
    }
    let program = std::env::current_exe().expect("its own program");
    let done = std::process::Command::new("unshare")
        .args(["-n", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(program)
        .args(["--exact", name, "--nocapture"])
        .env(OWN_NETWORK, "1")
        .status();
    assert!(done.expect("unshare runs").success(), "it failed there");
}
