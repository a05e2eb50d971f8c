//! Views of logs, held to what they say.

use super::super::{INDEX, LOG, Pattern};
use super::*;

/// Logs of lines with the second each was written in.
fn logs(all: &[(&str, &[(i64, &str)])]) -> (tempfile::TempDir, Vec<(InstanceId, PathBuf)>) {
    let home = tempfile::tempdir().unwrap();
    let mut logs = Vec::new();
    for (name, lines) in all {
        let folder = home.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (mut text, mut index) = (String::new(), String::new());
        for (at, line) in *lines {
            text += line;
            text.push('\n');
            index += &format!("{:013} {:016}\n", at * 1_000, text.len());
        }
        std::fs::write(folder.join(LOG), text).unwrap();
        std::fs::write(folder.join(INDEX), index).unwrap();
        logs.push((name.parse().unwrap(), folder));
    }
    (home, logs)
}

fn ask(logs: &[(InstanceId, PathBuf)], place: Place, limit: usize, grep: Option<&str>) -> LogView {
    let query = ViewQuery {
        logs: logs.to_vec(),
        place,
        limit,
        filter: Filter {
            grep: grep.map(|text| Pattern::new(text).unwrap()),
            level: None,
            hide: None,
        },
        since: None,
        until: None,
    };
    view(&query).unwrap()
}

fn texts(view: &LogView) -> String {
    let texts: Vec<_> = view.lines.iter().map(|line| line.text.as_str()).collect();
    texts.join(" ")
}

const API: &[(i64, &str)] = &[(1, "a1"), (3, "a3"), (5, "a5"), (7, "a7"), (9, "a9")];
const DB: &[(i64, &str)] = &[(2, "d2"), (4, "d4"), (6, "d6"), (8, "d8")];

#[test]
fn several_logs_are_one_in_the_order_of_time_from_both_ends() {
    let (_home, logs) = logs(&[("api.0", API), ("db.0", DB)]);
    for limit in [1, 2, 3, 4, 100] {
        let mut back = Vec::new();
        let mut part = ask(&logs, Place::End, limit, None);
        while !part.lines.is_empty() {
            assert!(part.lines.len() <= limit);
            back.insert(0, texts(&part));
            part = ask(&logs, Place::Before(part.from), limit, None);
        }
        assert_eq!(back.join(" "), "a1 d2 a3 d4 a5 d6 a7 d8 a9", "{limit}");
        let mut on = Vec::new();
        let mut part = ask(&logs, Place::After(part.begin), limit, None);
        while !part.lines.is_empty() {
            on.push(texts(&part));
            part = ask(&logs, Place::After(part.to), limit, None);
        }
        assert_eq!(on.join(" "), "a1 d2 a3 d4 a5 d6 a7 d8 a9", "{limit}");
        assert_eq!(part.to, part.end);
    }
}

#[test]
fn a_place_is_shown_with_what_was_written_around_it() {
    let (_home, logs) = logs(&[("api.0", API), ("db.0", DB)]);
    let time = ask(&logs, Place::Time(Timestamp(5_000)), 4, None);
    assert_eq!((texts(&time).as_str(), time.before), ("a3 d4 a5 d6", 2));
    // Three bytes a line: the third of the second log, from its midst.
    let line = ask(&logs, Place::Line("db.0".parse().unwrap(), 7), 4, None);
    assert_eq!((texts(&line).as_str(), line.before), ("d4 a5 d6 a7", 2));
    let half = ask(&logs, Place::Share(0.5), 2, None);
    assert_eq!(texts(&half), "a5 d6");
    assert_eq!(texts(&ask(&logs, Place::Share(0.0), 2, None)), "a1");
    let one = ask(&logs[..1], Place::Share(0.5), 2, None);
    assert_eq!(texts(&one), "a3 a5");
    assert_eq!(
        texts(&ask(&logs, Place::Time(Timestamp(99_000)), 4, None)),
        "d8 a9"
    );
}

#[test]
fn a_filter_leaves_lines_out_and_keeps_the_order() {
    let (_home, logs) = logs(&[("api.0", API), ("db.0", DB)]);
    let end = ask(&logs, Place::End, 3, Some("[147]"));
    assert_eq!(texts(&end), "a1 d4 a7");
    let on = ask(&logs, Place::After(end.begin), 2, Some("[147]"));
    assert_eq!(texts(&on), "a1 d4");
}

#[test]
fn a_line_that_is_still_being_written_is_not_there_yet() {
    let (home, logs) = logs(&[("api.0", API)]);
    let log = std::fs::OpenOptions::new()
        .append(true)
        .open(home.path().join("api.0").join(LOG));
    std::io::Write::write_all(&mut log.unwrap(), b"half").unwrap();
    let end = ask(&logs, Place::End, 2, None);
    assert_eq!(texts(&end), "a7 a9");
    assert_eq!(
        (end.to.clone(), end.end.values().sum::<u64>()),
        (end.end.clone(), 15)
    );
    let none = ask(&logs, Place::After(end.to), 2, None);
    assert_eq!(texts(&none), "");
}
