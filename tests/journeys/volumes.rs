//! What an edit does to networks, volumes and files of containers, and how volumes go.

use serde_json::Value;
use std::path::Path;
use testkit::{Daemon, Engine};
use tests::process::{kill, lives};
use tests::{Azora, Folder, http, until};

const KEEPER: &str = r#"
[cluster]
name = "kept"

[cluster.networks.back]

[cluster.volumes.data]

[cluster.volumes.far]
name = "far-data"
external = true

[service.db]
image = "localhost/azora-puppet"
stop = { grace = "1s" }

[service.db.container]
entrypoint = ["/puppet", "hang"]
volumes = ["data:/data", "far:/far", "/scratch"]
networks = ["back"]
files = [{ target = "/pw", file = "pw" }]
"#;

struct Story {
    azora: Azora,
    folder: Folder,
    daemon: Daemon,
}

impl Story {
    fn new() -> Option<Story> {
        let daemon = Daemon::own(Engine::Docker)?;
        let folder = Folder::with(KEEPER);
        folder.write("pw", "one");
        let socket = format!("unix://{}", daemon.socket().display());
        let azora = Azora::new().env("DOCKER_HOST", socket);
        let far = serde_json::json!({"Name": "far-data"});
        daemon.post("/volumes/create", &far).expect("it answers");
        Some(Story {
            azora,
            folder,
            daemon,
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ask(&self, path: &str) -> Value {
        let answer = self.daemon.ask("GET", path, &[]).expect("it answers");
        serde_json::from_str(&http::body(&answer)).expect("JSON")
    }

    fn volumes(&self) -> Vec<String> {
        let all = self.ask("/volumes");
        let all = all["Volumes"].as_array().cloned().unwrap_or_default();
        let names = all.iter().filter_map(|one| one["Name"].as_str());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    }

    fn network(&self) -> Value {
        let all = self.ask("/networks");
        let ours = |one: &&Value| {
            one["Name"]
                .as_str()
                .is_some_and(|name| name.ends_with("-back"))
        };
        let all = all.as_array().cloned().unwrap_or_default();
        all.iter().find(ours).cloned().expect("it has one")
    }

    fn runs(&self, generation: u64) {
        until("its container to run", || {
            let now = self.azora.instance(self.path(), "db.0");
            (now.serves() && now.generation == generation).then_some(())
        });
    }

    fn edit(&self, from: &str, to: &str) -> String {
        let path = self.path().join("azora.toml");
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).expect("it can be written");
        self.azora.up(self.path())
    }
}

#[test]
fn an_edit_makes_networks_anew_keeps_volumes_and_sees_files() {
    let Some(story) = Story::new() else {
        return;
    };
    let azora = &story.azora;
    azora.up(story.path());
    story.runs(1);
    let before = story.network();

    let said = story.edit(
        "[cluster.networks.back]",
        "[cluster.networks.back]\ninternal = true",
    );
    assert!(
        said.contains("network back changed, and is made anew"),
        "{said}"
    );
    story.runs(2);
    let after = story.network();
    assert_ne!(after["Id"], before["Id"]);
    assert_eq!(after["Internal"], true);
    let log = azora.ok(story.path(), &["logs", "db"]);
    assert!(log.contains("is made anew, as it is defined now"), "{log}");

    let volumes = story.volumes();
    let said = story.edit(
        "[cluster.volumes.data]",
        "[cluster.volumes.data]\nlabels = { a = \"b\" }",
    );
    assert!(
        said.contains("volume data changed, and stays as it was made"),
        "{said}"
    );
    assert_eq!(story.volumes(), volumes);
    story.runs(2);

    story.folder.write("pw", "two");
    let said = azora.up(story.path());
    assert!(said.contains("what is in pw changed"), "{said}");
    story.runs(3);
    let said = azora.up(story.path());
    assert!(!said.contains("changed"), "{said}");
    story.runs(3);
    azora.ok(story.path(), &["down"]);
}

#[test]
fn volumes_go_for_a_person_alone_and_external_ones_never() {
    let Some(story) = Story::new() else {
        return;
    };
    let azora = &story.azora;
    azora.up(story.path());
    story.runs(1);
    let all = story.volumes();
    assert_eq!(all.len(), 3, "{all:?}");

    // Nobody is there who could be asked.
    let refused = azora.run(story.path(), &["down", "--volumes"]);
    assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
    for part in [
        "To be removed are 2 volumes",
        "-data, ",
        "without a name, of azora-kept",
        "--yes",
    ] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    assert!(!refused.err.contains("far-data"), "{}", refused.err);
    story.runs(1);
    assert_eq!(story.volumes(), all);

    let done = azora.run(story.path(), &["down", "--volumes", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("removed 2 volumes"), "{}", done.err);
    assert_eq!(story.volumes(), ["far-data"]);
    let events = azora.ok(story.path(), &["events"]);
    assert!(
        events.contains("removed with all that was in them"),
        "{events}"
    );

    // Of what is down already, too. What nobody has named was its container's, and is nobody's with that gone.
    azora.up(story.path());
    azora.ok(story.path(), &["down"]);
    let unnamed = |name: &&String| name.len() == 64;
    let before = story.volumes();
    assert_eq!(before.len(), 3, "{before:?}");
    let nobodys = before.iter().find(unnamed).expect("one has no name");
    let done = azora.run(story.path(), &["down", "--volumes", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("removed 1 volume,"), "{}", done.err);
    assert_eq!(story.volumes(), [nobodys.as_str(), "far-data"]);
}

#[test]
fn a_volume_that_is_in_use_stays_and_is_no_later_engines() {
    let Some(story) = Story::new() else {
        return;
    };
    let azora = &story.azora;
    azora.up(story.path());
    story.runs(1);
    let all = story.volumes();
    let named = |name: &&String| name.ends_with("-data") && !name.starts_with("far");
    let data = all.iter().find(named).expect("it has one");
    let guest = serde_json::json!({
        "Image": testkit::IMAGE,
        "Entrypoint": ["/puppet", "hang"],
        "HostConfig": {"Binds": [format!("{data}:/data")]},
    });
    let made = story.daemon.post("/containers/create?name=guest", &guest);
    made.expect("it answers");

    let failed = azora.run(story.path(), &["down", "--volumes", "--yes"]);
    assert_eq!(failed.code, 1, "{}{}", failed.out, failed.err);
    let said = format!("{}{}", failed.out, failed.err);
    let not = format!("not removed: {data} (");
    for part in [&not, "in use", "`azora down --volumes` tries again"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("removed 2 volumes"), "{said}");
    let kept = [data.as_str(), "far-data"];
    assert_eq!(story.volumes(), kept);

    // Nobody has it any more, and an engine comes.
    let answer = story
        .daemon
        .ask("DELETE", "/containers/guest?force=true", &[]);
    answer.expect("it answers");
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    let mut serve = azora.serve_until_it_listens(story.path());
    assert_ne!(azora.engine(), engine);
    azora.ok(story.path(), &["down"]);
    assert_eq!(story.volumes(), kept);

    let done = azora.run(story.path(), &["down", "--volumes", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("removed 1 volume,"), "{}", done.err);
    assert_eq!(story.volumes(), ["far-data"]);
    kill(serve.id());
    serve.wait().expect("it ends");
}
