//! `azora attach`: somebody at the terminal of a service, and their own terminal put back however it ends.

use rustix::process::Signal;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use tests::process::{kill, lives, signal};
use tests::{Azora, Folder, until};

/// Says what it reads, after a title and a clipboard that are none of its business.
const CONSOLE: &str = r#"
[service.console]
run = ["sh", "-c", '''
printf '\033]0;evil\007\033]52;c;ZXZpbA==\007\033[1mconsole\033[0m\n'
while read line; do echo "got <$line> of $(stty size)"; done
''']
tty = true

# As a program that was in the midst of a full screen: it asks the terminal, and locks the keyboard.
[service.full]
run = ["sh", "-c", '''
printf '\033[?1049h\033[?25l\033[?1003h\033[2h\033[12l\033[6nfull\n'
exec sleep 600
''']
tty = true

# Asks the terminal where the cursor is, and what it is, before it answers.
[service.asks]
run = ["sh", "-c", '''
echo prompt
while read line; do printf '\033[6n\033[c'; echo "asked <$line>"; done
''']
tty = true

# Reads slowly, and not in lines.
[service.slow]
run = ["sh", "-c", '''
stty raw -echo; echo slow
head -c 300000 | wc -c; echo read
exec sleep 600
''']
tty = true

[service.plain]
run = ["sleep", "600"]
"#;

/// `azora attach` in a terminal of its own, which `script` makes, with what its shell says of it around.
struct Attached {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Attached {
    fn to(azora: &Azora, folder: &Path, words: &str) -> Attached {
        let program = testkit::program("azora");
        // Ctrl-C is heard by the shell as well, which has to say how it ended.
        let inside = format!(
            "trap '' INT; stty rows 33 cols 77; echo \"before $(stty -g)\"; sh -c 'echo \"pid $$;\"; exec {} attach {words}'; \
             echo \"status $?;\"; echo \"after $(stty -g)\"",
            program.display()
        );
        let mut child = std::process::Command::new("script")
            .args([
                "--quiet",
                "--flush",
                "--return",
                "--command",
                &inside,
                "/dev/null",
            ])
            .current_dir(folder)
            .env("AZORA_HOME", azora.home().path())
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script runs");
        let keys = child.stdin.take().expect("it is piped");
        let mut out = child.stdout.take().expect("it is piped");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut piece) {
                all.lock().expect("nobody panics").extend(&piece[..read]);
            }
        });
        Attached { child, keys, shown }
    }

    fn text(&self) -> String {
        let shown = self.shown.lock().expect("nobody panics");
        String::from_utf8_lossy(&shown).into_owned()
    }

    fn shows(&self, what: &str) {
        until(&format!("{what:?} to be shown, in {}", self.text()), || {
            self.text().contains(what).then_some(())
        });
    }

    fn press(&mut self, keys: &[u8]) {
        let pressed = self.keys.write_all(keys).and_then(|()| self.keys.flush());
        if let Err(error) = pressed {
            panic!("script reads no more: {error}; it showed {}", self.text());
        }
    }

    fn pid(&self) -> u32 {
        let pid = until("the pid", || self.word("pid "));
        pid.parse().expect("a number")
    }

    /// What stands behind a word, up to a semicolon or the end of its line.
    fn word(&self, word: &str) -> Option<String> {
        let text = self.text();
        let (_, after) = text.split_once(word)?;
        let end = after.find([';', '\r', '\n'])?;
        Some(after[..end].to_owned())
    }

    /// How it ended. The terminal is then what it was.
    fn ended(mut self) -> String {
        let code = until("it to end", || self.word("status "));
        let after = until("the terminal to be told of", || self.word("after "));
        assert_eq!(Some(after), self.word("before "), "{}", self.text());
        drop(self.keys);
        self.child.wait().expect("it is our child");
        code
    }
}

fn attaches(azora: &Azora, folder: &Path) -> usize {
    let events = azora.json(folder, &["events", "-n", "1000"]);
    let events = events.as_array().expect("a list");
    let begun = |event: &&serde_json::Value| {
        event["what"]["act"]["verb"] == "attach"
            && event["what"]["act"]["outcome"]["kind"] == "done"
    };
    events.iter().filter(begun).count()
}

#[test]
fn what_is_typed_reaches_the_service_and_the_detach_keys_leave_it_running() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let born = azora.instance(folder.path(), "console.0");
    let mut one = Attached::to(&azora, folder.path(), "console");
    one.shows("Ctrl-P Ctrl-Q lets go of it");
    one.shows("\u{1b}[1mconsole\u{1b}[0m");
    one.press(b"hello\r");
    one.shows("got <hello> of 33 77");

    // Another one takes the input and is told from whom; the first sees it all and takes it back.
    let mut other = Attached::to(&azora, folder.path(), "console.0");
    other.shows("taking the input from who types there (cli)");
    one.shows("Enter takes it back");
    one.press(b"lost");
    other.press(b"mine\r");
    one.shows("got <mine> of 33 77");
    one.press(b"\r");
    one.shows("the input is yours again");
    other.shows("Enter takes it back");
    one.press(b"\x10again\r");
    other.shows("again> of 33 77");
    assert_eq!(attaches(&azora, folder.path()), 3, "once for each taking");

    one.press(b"\x10\x11");
    assert_eq!(one.ended(), "0");
    signal(other.pid(), Signal::TERM);
    assert_eq!(other.ended(), "130");
    let text = azora.ok(folder.path(), &["logs", "console"]);
    assert!(
        text.contains("got <mine>") && !text.contains("lost"),
        "{text}"
    );
    let now = azora.instance(folder.path(), "console.0");
    assert_eq!((now.pid, now.generation), (born.pid, born.generation));
}

#[test]
fn nothing_of_a_service_reaches_beyond_the_screen_and_who_looks_on_types_nothing() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut one = Attached::to(&azora, folder.path(), "console --read-only");
    one.shows("console");
    one.press(b"typed\r");
    one.press(b"\x03");
    // That is how one goes who only looks on.
    assert_eq!(one.ended(), "0");
    assert_eq!(attaches(&azora, folder.path()), 0);
    let log = azora.home().path().join("logs");
    let cluster = std::fs::read_dir(log)
        .expect("logs")
        .next()
        .expect("one")
        .expect("one");
    let log = std::fs::read(cluster.path().join("console.0/log")).expect("a log");
    let log = String::from_utf8_lossy(&log);
    assert!(
        log.contains("\u{1b}]52;") && !log.contains("typed"),
        "{log}"
    );

    let mut one = Attached::to(&azora, folder.path(), "console");
    one.shows("\u{1b}[1mconsole");
    let text = one.text();
    assert!(
        !text.contains("\u{1b}]") && !text.contains("evil"),
        "{text:?}"
    );
    one.press(b"\x10\x11");
    assert_eq!(one.ended(), "0");

    let refused = azora.run(folder.path(), &["attach", "plain", "--read-only"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let what = "plain has no terminal; write `tty = true` below [service.plain] in azora.toml";
    assert!(refused.err.contains(what), "{refused:?}");
    let refused = azora.run(folder.path(), &["attach", "console"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("azora logs --follow"), "{refused:?}");
}

#[test]
fn the_detach_keys_let_go_as_soon_as_they_are_said() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    for _ in 0..20 {
        let mut one = Attached::to(&azora, folder.path(), "console");
        one.shows("lets go of it");
        one.press(b"\x10\x11");
        assert_eq!(one.ended(), "0");
    }
}

#[test]
fn of_several_who_are_attached_only_who_types_is_asked() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut reads = Attached::to(&azora, folder.path(), "asks --read-only");
    reads.shows("prompt");
    let mut first = Attached::to(&azora, folder.path(), "asks");
    first.shows("prompt");
    first.press(b"one\r");
    for attached in [&reads, &first] {
        attached.shows("asked <one>");
    }
    // Who comes next takes the input, and so is who is asked from then on.
    let mut next = Attached::to(&azora, folder.path(), "asks");
    first.shows("Enter takes it back");
    next.shows("asked <one>");
    next.press(b"two\r");
    for attached in [&reads, &first, &next] {
        attached.shows("asked <two>");
    }
    for question in ["\u{1b}[6n", "\u{1b}[c"] {
        let asked =
            [&reads, &first, &next].map(|attached| attached.text().matches(question).count());
        assert_eq!(asked, [0, 1, 1], "{question:?}");
    }
    for attached in [&mut first, &mut next] {
        attached.press(b"\x10\x11");
    }
    reads.press(b"\x03");
    for attached in [reads, first, next] {
        assert_eq!(attached.ended(), "0");
    }
}

#[test]
fn who_is_attached_stays_so_over_the_death_of_the_engine() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut one = Attached::to(&azora, folder.path(), "console");
    one.press(b"before\r");
    one.shows("got <before>");
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    one.shows("the engine has ended");
    azora.up(folder.path());
    // It was shown again what was there, and types on.
    until("it to type on", || {
        one.press(b"after\r");
        one.text().contains("got <after> of 33 77").then_some(())
    });
    // The service ends and is started again: so is what is typed to it.
    one.press(b"\x04");
    azora.until(folder.path(), "console.0", "started again", |console| {
        console.generation > 1 && console.serves()
    });
    until("it to reach the next one", || {
        one.press(b"next\r");
        one.text().contains("got <next> of 33 77").then_some(())
    });
    one.press(b"\x10\x11");
    assert_eq!(one.ended(), "0");
}

#[test]
fn who_only_looked_on_has_the_own_terminal_back_too() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut one = Attached::to(&azora, folder.path(), "full --read-only");
    one.shows("\u{1b}[?1049h");
    let before = one.text();
    assert!(
        !before.contains("\u{1b}[2h") && !before.contains("\u{1b}[12l"),
        "{before:?}"
    );
    // As a terminal answers, and Ctrl-C.
    one.press(b"\x1b[5;7R");
    one.press(b"\x03");
    one.shows("status ");
    let after = one.text();
    for back in ["\u{1b}[?1049l", "\u{1b}[?25h", "\u{1b}[?1003l"] {
        assert!(after.contains(back), "{back:?} in {after:?}");
    }
    assert!(!after.contains("5;7R"), "{after:?}");
    // Switched off by itself, it would take the cursor to the top.
    assert!(!after.contains("\u{1b}[?6l"), "{after:?}");
    one.ended();
}

#[test]
fn a_long_paste_arrives_whole() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut one = Attached::to(&azora, folder.path(), "slow");
    one.shows("slow");
    one.press(&b"x".repeat(300_000));
    one.shows("300000");
    one.press(b"\x10\x11");
    assert_eq!(one.ended(), "0");
}

#[test]
fn the_detach_keys_are_heard_while_the_engine_answers_nobody() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut one = Attached::to(&azora, folder.path(), "console");
    one.press(b"hello\r");
    one.shows("got <hello>");
    let engine = azora.engine();
    signal(engine, Signal::STOP);
    one.press(b"lost");
    one.press(b"\x10\x11");
    let code = one.ended();
    signal(engine, Signal::CONT);
    assert_eq!(code, "0");
}

#[test]
fn who_is_attached_hears_that_the_service_has_ended_and_that_it_was_started_again() {
    let (azora, folder) = (Azora::new(), Folder::with(CONSOLE));
    azora.up(folder.path());
    let mut one = Attached::to(&azora, folder.path(), "--read-only full");
    one.shows("full");
    azora.ok(folder.path(), &["stop", "full"]);
    one.shows("full.0 was ended by SIGTERM; what it prints");
    // Who comes now is told as well.
    let other = Attached::to(&azora, folder.path(), "--read-only full");
    other.shows("full.0 was ended by SIGTERM; what it prints");
    azora.ok(folder.path(), &["start", "full"]);
    one.shows("full.0 was started");
    other.shows("full.0 was started");
    azora.ok(folder.path(), &["restart", "full"]);
    until("the restart to be told", || {
        (one.text().matches("was ended by SIGTERM").count() == 2).then_some(())
    });
    one.press(b"\x03");
    assert_eq!(one.ended(), "0");
    signal(other.pid(), Signal::TERM);
    other.ended();
}
