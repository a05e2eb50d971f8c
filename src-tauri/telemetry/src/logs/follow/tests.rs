//! Followers, held to what they say.

use super::following::UNFINISHED;
use super::*;
use crate::logs::INDEX;
use security::redact::Redactor;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A folder of logs, and which of them are there.
struct Logs {
    folder: tempfile::TempDir,
    present: Arc<Mutex<Vec<&'static str>>>,
    hides: Arc<Mutex<Option<Arc<Redactor>>>>,
}

impl Logs {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            present: Arc::default(),
            hides: Arc::default(),
        }
    }

    fn write(&self, id: &'static str, text: &str) {
        let folder = self.folder.path().join(id);
        std::fs::create_dir_all(&folder).unwrap();
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(LOG));
        log.unwrap().write_all(text.as_bytes()).unwrap();
        let mut present = self.present.lock().unwrap();
        if !present.contains(&id) {
            present.push(id);
        }
    }

    /// As the shim does a second later.
    fn note(&self, id: &str, at: i64) {
        let folder = self.folder.path().join(id);
        let size = std::fs::metadata(folder.join(LOG)).unwrap().len();
        let index = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(INDEX));
        writeln!(index.unwrap(), "{at:013} {size:016}").unwrap();
    }

    fn follow(
        &self,
        tail: usize,
    ) -> Follower<impl FnMut() -> Vec<(InstanceId, PathBuf)> + Send + 'static> {
        let (folder, present) = (self.folder.path().to_owned(), self.present.clone());
        let instances = move || {
            let present = present.lock().unwrap();
            present
                .iter()
                .map(|id| (id.parse().unwrap(), folder.join(id)))
                .collect()
        };
        let hides = Arc::clone(&self.hides);
        Follower::new(
            instances,
            move || hides.lock().unwrap().clone(),
            Followed {
                tail,
                ..Followed::default()
            },
        )
    }
}

fn texts((lines, _): (Vec<LogLine>, bool)) -> Vec<String> {
    lines
        .into_iter()
        .map(|line| format!("{}: {}", line.instance.service, line.text))
        .collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_follower_sees_the_tail_and_then_every_whole_line() {
    let logs = Logs::new();
    logs.write("api.0", "a\nb\nc\nd");
    let mut follower = logs.follow(3);
    assert_eq!(texts(follower.look()), ["api: b", "api: c"]);
    logs.write("api.0", "\nhal");
    assert_eq!(texts(follower.look()), ["api: d"]);
    assert_eq!(texts(follower.look()), NONE);
    logs.write("api.0", "f\n");
    let (lines, _) = follower.look();
    assert_eq!((lines[0].text.as_str(), lines[0].offset), ("half", 8));
    // Nobody has noted its time yet, but it has just come.
    assert!(lines[0].at.is_some());
}

#[test]
fn what_becomes_known_as_a_secret_is_hidden_in_what_comes_then_and_shown_to_whom_that_is_allowed() {
    let logs = Logs::new();
    logs.write("api.0", "correct horse\n");
    let mut follower = logs.follow(3);
    assert_eq!(texts(follower.look()), ["api: correct horse"]);
    let redactor = Arc::new(Redactor::new(["correct horse"], []));
    *logs.hides.lock().unwrap() = Some(redactor);
    logs.write("api.0", "it is correct horse\n");
    assert_eq!(texts(follower.look()), ["api: it is •••"]);
    *logs.hides.lock().unwrap() = None;
    logs.write("api.0", "it is correct horse\n");
    assert_eq!(texts(follower.look()), ["api: it is correct horse"]);
}

#[test]
fn a_line_without_an_end_is_shown_after_a_while_and_its_end_is_no_line() {
    let logs = Logs::new();
    logs.write("api.0", "");
    let mut follower = logs.follow(9);
    assert_eq!(texts(follower.look()), NONE);
    logs.write("api.0", "password: ");
    assert_eq!(texts(follower.look()), NONE);
    let waited = |follower: &mut Follower<_>| {
        for following in follower.logs.values_mut() {
            let (since, end) = following.unfinished.unwrap();
            following.unfinished = Some((since.checked_sub(UNFINISHED).unwrap(), end));
        }
    };
    waited(&mut follower);
    assert_eq!(texts(follower.look()), ["api: password: "]);
    assert_eq!(texts(follower.look()), NONE);
    logs.write("api.0", "\nnext\n\n");
    assert_eq!(texts(follower.look()), ["api: next", "api: "]);
    // One that grows waits anew.
    logs.write("api.0", "1%");
    assert_eq!(texts(follower.look()), NONE);
    waited(&mut follower);
    logs.write("api.0", " 2%");
    assert_eq!(texts(follower.look()), NONE);
    logs.write("api.0", " 3%\n");
    assert_eq!(texts(follower.look()), ["api: 1% 2% 3%"]);
}

#[test]
fn the_tails_of_several_are_put_in_order() {
    let logs = Logs::new();
    for (n, id) in ["db.0", "api.0", "db.0", "api.0"].into_iter().enumerate() {
        logs.write(id, &format!("{n}\n"));
        logs.note(id, 1_000 * i64::try_from(n).unwrap());
    }
    assert_eq!(
        texts(logs.follow(9).look()),
        ["db: 0", "api: 1", "db: 2", "api: 3"]
    );
    assert_eq!(texts(logs.follow(1).look()), ["db: 2", "api: 3"]);
    assert_eq!(texts(logs.follow(0).look()), NONE);
}

#[test]
fn instances_come_go_and_begin_anew() {
    let logs = Logs::new();
    logs.write("api.0", "a\n");
    let mut follower = logs.follow(9);
    assert_eq!(texts(follower.look()), ["api: a"]);
    // A new one is shown from its beginning, one that is back from where it comes back.
    logs.write("db.0", "first\n");
    logs.write("old.0", "long ago\n");
    logs.note("old.0", 1_000);
    logs.write("old.0", "back\n");
    assert_eq!(texts(follower.look()), ["db: first", "old: back"]);
    // The last words of one that goes are heard, ended or not.
    logs.write("db.0", "last\nword");
    logs.present.lock().unwrap().retain(|id| *id != "db.0");
    assert_eq!(texts(follower.look()), ["db: last", "db: word"]);
    // A new file under the old name.
    logs.write("api.0", "z\n");
    std::fs::rename(
        logs.folder.path().join("api.0"),
        logs.folder.path().join("gone"),
    )
    .unwrap();
    logs.write("api.0", "new\n");
    assert_eq!(texts(follower.look()), ["api: z", "api: new"]);
}

#[test]
fn a_reader_that_was_here_before_goes_on_where_it_was() {
    let logs = Logs::new();
    logs.write("api.0", "a\nb\nc\n");
    logs.write("db.0", "d\ne\n");
    let mut follower = logs.follow(9);
    follower.from = [
        ("api.0".parse().unwrap(), 4),
        ("db.0".parse().unwrap(), 999),
    ]
    .into();
    // The second is beyond the end: a new log under the old name.
    assert_eq!(texts(follower.look()), ["api: c", "db: d", "db: e"]);
}

#[test]
fn a_follower_that_is_outrun_says_by_how_much() {
    let logs = Logs::new();
    logs.write("api.0", "");
    let mut follower = logs.follow(9);
    follower.look();
    let line = format!("{}\n", "x".repeat(99));
    logs.write("api.0", &line.repeat(100));
    let file = File::options()
        .write(true)
        .open(logs.folder.path().join("api.0").join(LOG))
        .unwrap();
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    if rustix::fs::fallocate(&file, punch, 0, 8_192).is_err() {
        return; // Not every file system can.
    }
    assert_eq!(follower.look().0, vec![], "nothing is made of a hole");
    let (lines, _) = follower.look();
    assert_eq!((lines[0].offset, lines[0].missed), (8_200, Some(8_200)));
    assert_eq!((lines.len(), lines[1].missed), (18, None));
    let read: u64 = lines.iter().map(|line| line.end - line.offset).sum();
    assert_eq!(read + 8_200, 10_000, "every byte is read or missed");
}

#[test]
fn who_wants_the_newest_gets_them_and_is_told_what_was_passed_over() {
    let logs = Logs::new();
    logs.write("api.0", "");
    let mut follower = logs.follow(9);
    follower.newest = 3;
    assert_eq!(texts(follower.look()), NONE);
    logs.write("api.0", "a\nb\n");
    assert_eq!(texts(follower.look()), ["api: a", "api: b"]);
    let text: String = (0..100_000).map(|n| format!("line {n:06}\n")).collect();
    logs.write("api.0", &text);
    let (lines, busy) = follower.look();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.text.as_str(), line.skipped))
        .collect();
    assert_eq!(
        told,
        [
            ("line 099997", Some(12 * 99_997)),
            ("line 099998", None),
            ("line 099999", None)
        ]
    );
    assert!(!busy);
    // With a filter all of it is looked through.
    follower.filter.grep = Some(crate::Pattern::new("0001$").unwrap());
    logs.write("api.0", &text);
    let (lines, _) = follower.look();
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["line 070001", "line 080001", "line 090001"]);
    assert!(lines[0].skipped.is_some());
}

#[tokio::test]
async fn not_a_line_of_a_flood_is_missed_by_a_slow_reader() {
    const LINES: usize = 50_000;
    let logs = Logs::new();
    logs.write("api.0", "");
    logs.write("db.0", "");
    let (sender, mut lines) = mpsc::channel(1);
    let mut tasks = tokio::task::JoinSet::new();
    let mut follower = logs.follow(0);
    follower.look();
    tasks.spawn(follower.run(sender));
    let writer = std::thread::spawn(move || {
        for n in 0..LINES / 100 {
            let text: String = (n * 100..(n + 1) * 100)
                .map(|n| format!("line {n} {}\n", "x".repeat(n % 90)))
                .collect();
            logs.write(if n % 2 == 0 { "api.0" } else { "db.0" }, &text);
        }
        logs
    });
    let mut seen = std::collections::BTreeSet::new();
    let mut last = BTreeMap::new();
    while seen.len() < LINES {
        let batch = tokio::time::timeout(Duration::from_secs(30), lines.recv()).await;
        for line in batch.expect("a line was missed").unwrap() {
            let n: usize = line.text.split(' ').nth(1).unwrap().parse().unwrap();
            assert!(seen.insert(n), "{n} came twice");
            assert!(
                last.insert(line.instance, n)
                    .is_none_or(|before| before < n)
            );
        }
    }
    writer.join().unwrap();
    // And it ends when nobody listens.
    drop(lines);
    tokio::time::timeout(Duration::from_secs(10), tasks.join_all())
        .await
        .unwrap();
}
