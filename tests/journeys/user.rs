//! `user`: root may run a service as somebody else; nobody else may.

use tests::{Azora, Folder, http, is_root, process};

/// There on every Linux: `nobody` by number, so that no name service is asked.
const NOBODY: u32 = 65_534;

#[test]
fn a_service_runs_as_the_user_it_names_or_says_that_this_needs_root() {
    let folder = Folder::empty();
    // Where nobody can reach it: what was built may lie in a folder of root's.
    let organ = folder.path().join("organ");
    std::fs::copy(testkit::program("organ"), &organ).expect("the folder can be written to");
    folder.define(&format!(
        "[service.humble]\nrun = [\"{}\", \"--name\", \"humble\", \"--port\", \"${{self.port}}\"]\nport = 0\n\
         user = \"{NOBODY}\"\nhealth = {{ http = \"/health\" }}\nheal = {{ budget = \"1 per 10m\", backoff = [\"0s\"] }}\n",
        organ.display()
    ));
    let azora = Azora::new();
    let done = azora.run(folder.path(), &["up", ".", "--detach", "--trust"]);
    let humble = azora.instance(folder.path(), "humble.0");
    if is_root() {
        assert_eq!(done.code, 0, "{done:?}\n{}", azora.story());
        assert_eq!(process::user(humble.pid), Some(NOBODY));
        assert_eq!(http::health_pid(humble.port), Some(humble.pid));
        azora.ok(folder.path(), &["down"]);
        assert_eq!(azora.left(), [] as [String; 0]);
    } else if process::user(std::process::id()) != Some(NOBODY) {
        assert_ne!(done.code, 0, "{done:?}");
        assert!(
            format!("{}{}", done.out, done.err).contains("root"),
            "{done:?}"
        );
    }
}
