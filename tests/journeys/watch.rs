//! Files change, services restart: once for each change, through the door, and not when they must not.

use std::fs;
use tests::{Azora, Folder, Instance, until};

const WATCHING: &str = r#"
[cluster]
name = "watching"

[cluster.defaults]
health = { http = "/health", every = "250ms" }

[service.db]
run = "organ --name db --port $PORT"
port = 0

[service.api]
run = "organ --name api --port $PORT"
port = 0
needs = ["db"]
watch = ["src/**", "!src/generated/**", "config.json"]

[service.web]
run = "organ --name web --port $PORT"
port = 0
needs = [{ service = "api", restart = true }]
"#;

struct Story {
    azora: Azora,
    folder: Folder,
}

impl Story {
    fn new() -> Self {
        let (azora, folder) = (Azora::new(), Folder::with(WATCHING));
        for sub in ["src/generated", "src/node_modules/x"] {
            fs::create_dir_all(folder.path().join(sub)).expect("folders");
        }
        fs::write(folder.path().join("src/main.js"), "1").expect("a file");
        fs::write(folder.path().join(".gitignore"), "*.log\n").expect("a file");
        azora.up(folder.path());
        let story = Self { azora, folder };
        // Watching begins a moment after `up`: what is written until it has begun is told by nobody.
        story.until_watched();
        story
    }

    /// Writes until a restart shows that files are watched.
    fn until_watched(&self) {
        until("files to be watched", || {
            self.write("config.json", "{}");
            (self.api().generation > 1).then_some(())
        });
        self.settled();
    }

    /// Waits until nothing is under way any more.
    fn settled(&self) -> Instance {
        let mut last = self.api();
        until("api to be at rest", || {
            let now = self.azora.instance(self.folder.path(), "api.0");
            let web = self.azora.instance(self.folder.path(), "web.0");
            let changing = self
                .azora
                .ok(self.folder.path(), &["ps"])
                .contains("files are changing");
            let rest = now == last && now.serves() && web.serves() && !changing;
            last = now;
            rest.then_some(())
        });
        last
    }

    fn api(&self) -> Instance {
        self.azora.instance(self.folder.path(), "api.0")
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder can be written to");
    }

    /// What is done restarts api, once.
    #[track_caller]
    fn restarts(&self, what: &str, change: impl FnOnce()) {
        let before = self.settled();
        change();
        let after = self.azora.until(self.folder.path(), "api.0", what, |now| {
            now.generation > before.generation && now.serves()
        });
        assert_eq!(after.generation, before.generation + 1, "{what}: once");
        assert_ne!(after.pid, before.pid, "{what}");
        let at_rest = self.settled();
        assert_eq!(at_rest.generation, after.generation, "{what}: and no more");
    }

    /// What is done does not: a change that does, after it, is the only one that is seen.
    #[track_caller]
    fn ignores(&self, what: &str, change: impl FnOnce()) {
        let before = self.settled();
        let seen = self.acts();
        change();
        self.write("config.json", what);
        self.azora.until(self.folder.path(), "api.0", what, |now| {
            now.generation > before.generation && now.serves()
        });
        self.settled();
        let new: Vec<String> = self.acts().split_off(seen.len());
        assert_eq!(new, ["config.json changed"], "{what}");
    }

    /// The reasons of the acts of watching, oldest first.
    fn acts(&self) -> Vec<String> {
        let events = self
            .azora
            .json(self.folder.path(), &["events", "-n", "1000"]);
        let all = events.as_array().expect("a list").iter();
        all.map(|event| &event["what"])
            .filter(|what| what["kind"] == "act" && what["act"]["actor"]["kind"] == "watch")
            .map(|what| {
                what["act"]["reason"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    }
}

#[test]
fn every_way_to_change_a_file_restarts_what_is_made_from_it_once() {
    let story = Story::new();
    story.restarts("a file written", || story.write("src/main.js", "2"));
    assert_eq!(
        story.acts().last().map(String::as_str),
        Some("src/main.js changed")
    );
    story.restarts("a file put in its place", || {
        story.write("src/main.js.tmp", "3");
        fs::rename(story.path("src/main.js.tmp"), story.path("src/main.js")).expect("renamed");
    });
    story.restarts("saved as vim does", || {
        story.write("src/4913", "");
        fs::remove_file(story.path("src/4913")).expect("removed");
        story.write("src/.main.js.swp", "");
        fs::rename(story.path("src/main.js"), story.path("src/main.js~")).expect("renamed");
        story.write("src/main.js", "4");
        fs::remove_file(story.path("src/main.js~")).expect("removed");
        fs::remove_file(story.path("src/.main.js.swp")).expect("removed");
    });
    assert_eq!(
        story.acts().last().map(String::as_str),
        Some("src/main.js changed")
    );
    story.restarts("a new folder with a file in it", || {
        fs::create_dir_all(story.path("src/new/deep")).expect("folders");
        story.write("src/new/deep/a.js", "1");
    });
    story.restarts("a file in the new folder", || {
        story.write("src/new/deep/a.js", "2")
    });
    story.restarts("a folder moved in from outside", || {
        fs::create_dir_all(story.path("outside")).expect("a folder");
        story.write("outside/b.js", "1");
        fs::rename(story.path("outside"), story.path("src/moved")).expect("renamed");
    });
    story.restarts("a file in what was moved in", || {
        story.write("src/moved/b.js", "2")
    });
    story.restarts("a folder renamed", || {
        fs::rename(story.path("src/moved"), story.path("src/renamed")).expect("renamed");
    });
    story.restarts("a file in what was renamed", || {
        story.write("src/renamed/b.js", "3")
    });
}

#[test]
fn what_is_left_out_held_or_stopped_is_left_alone() {
    let story = Story::new();
    story.ignores("what a pattern leaves out", || {
        story.write("src/generated/a.js", "1")
    });
    story.ignores("what git leaves out", || story.write("src/noise.log", "1"));
    story.ignores("packages", || {
        story.write("src/node_modules/x/index.js", "1")
    });
    story.ignores("what no pattern means", || story.write("README.md", "1"));
    story.ignores("an editor's own files", || {
        story.write("src/.main.js.swp", "1");
        story.write("src/main.js~", "1");
        story.write("src/#main.js#", "1");
    });
    story.ignores("reading", || {
        fs::read(story.path("src/main.js")).expect("it is there");
    });
    // The rules of git are read again when they change.
    story.write(".gitignore", "");
    story.restarts("what git no longer leaves out", || {
        story.write("src/noise.log", "2")
    });

    let before = story.settled();
    story.azora.ok(story.folder.path(), &["hold", "api"]);
    story.write("src/main.js", "held");
    until("it to be said", || {
        let events = story
            .azora
            .json(story.folder.path(), &["events"])
            .to_string();
        events
            .contains("src/main.js changed; api is held and not restarted")
            .then_some(())
    });
    assert_eq!(story.api().pid, before.pid);
    story.azora.ok(story.folder.path(), &["unhold", "api"]);
    story.azora.ok(story.folder.path(), &["stop", "api"]);
    story.write("src/main.js", "stopped");
    story.azora.ok(story.folder.path(), &["start", "web"]);
    let after = story.settled();
    // A change is told when files have been still for a moment, which may be after the start.
    let told = story.acts().last().map(String::as_str) == Some("src/main.js changed");
    assert!(
        (1..=1 + u64::from(told)).contains(&(after.generation - before.generation)),
        "started on request, and for what changed just before: {after:?}"
    );

    // An edit of the definition changes what is watched, and the next engine watches it, too.
    let engine = story.azora.engine();
    tests::process::kill(engine);
    until("the engine to be gone", || {
        (!tests::process::lives(engine)).then_some(())
    });
    story
        .folder
        .define(&WATCHING.replace("\"src/**\", ", "\"other/**\", "));
    fs::create_dir(story.path("other")).expect("a folder");
    story.azora.up(story.folder.path());
    story.until_watched();
    story.ignores("what is no longer watched", || {
        story.write("src/main.js", "9")
    });
    story.restarts("what is watched now", || story.write("other/a", "1"));
}

#[test]
fn what_changed_before_a_start_is_read_by_it_and_restarts_nothing() {
    let story = Story::new();
    // Long enough for a person to restart it before the change has come to rest.
    let patient = WATCHING.replace(
        r#"watch = ["src/**", "!src/generated/**", "config.json"]"#,
        r#"watch = { paths = ["src/**", "config.json"], debounce = "4s" }"#,
    );
    story.folder.define(&patient);
    story.azora.up(story.folder.path());
    story.restarts("a change on the new definition", || {
        story.write("src/main.js", "2")
    });
    let (before, seen) = (story.settled(), story.acts());
    story.write("src/main.js", "3");
    let changing = || {
        let shown = story.azora.ok(story.folder.path(), &["ps"]);
        shown.contains("files are changing").then_some(())
    };
    until("the change to be seen", changing);
    story.azora.ok(story.folder.path(), &["restart", "api"]);
    // That there is nothing to come any more is the point.
    until("the change to come to rest", || {
        changing().is_none().then_some(())
    });
    let after = story.settled();
    assert_eq!(after.generation, before.generation + 1, "{after:?}");
    assert_eq!(story.acts(), seen, "and the door was not asked");
    story.restarts("a change after the start", || {
        story.write("src/main.js", "4")
    });
}

#[test]
fn what_crashed_on_its_old_files_gets_another_chance_on_new_ones() {
    let folder = Folder::with(
        r#"
[service.app]
run = "sh -c 'grep -q good main.txt && exec organ --name app --port $PORT'"
port = 0
health = { http = "/health", every = "250ms" }
heal = { budget = "1 per 10m", backoff = ["0s"] }
watch = ["main.txt"]
"#,
    );
    // Whole at once: a start that reads it while it is written must not find it empty and crash.
    let write = |text: &str| {
        let (new, file) = ["main.new", "main.txt"]
            .map(|name| folder.path().join(name))
            .into();
        fs::write(&new, text).expect("a file");
        fs::rename(new, file).expect("a file in its place");
    };
    write("bad");
    let azora = Azora::new();
    let done = azora.run(folder.path(), &["up", ".", "--detach", "--trust"]);
    assert_ne!(done.code, 0);
    azora.until(folder.path(), "app.0", "quarantined", |app| {
        app.state == "quarantined"
    });
    let app = {
        let mut found = None;
        until("it to run on the mended file", || {
            write("good");
            let app = azora.instance(folder.path(), "app.0");
            let serves = app.serves();
            found = Some(app);
            serves.then_some(())
        });
        found.expect("it was seen")
    };
    assert_eq!(app.restarts, 0, "{app:?}");
}
