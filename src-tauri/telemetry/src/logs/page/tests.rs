//! Pages, held to what they say.

use super::*;
use proptest::prelude::*;

fn log(text: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(LOG), text).unwrap();
    folder
}

fn id() -> InstanceId {
    "api".parse().unwrap()
}

fn holding(pattern: &str) -> Filter {
    Filter {
        grep: Some(Pattern::new(pattern).unwrap()),
        level: None,
        hide: None,
    }
}

fn texts(page: &LogPage) -> Vec<&str> {
    page.lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn the_last_lines_come_first_and_older_ones_are_said_to_exist() {
    let folder = log(b"one\ntwo\nthree\nfour");
    let query = LogQuery {
        limit: 2,
        ..LogQuery::default()
    };
    let last = page(folder.path(), &id(), &query).unwrap();
    assert_eq!(
        (texts(&last), last.more, last.end),
        (vec!["three", "four"], true, 18)
    );
    let older = LogQuery {
        before: Some(last.lines[0].offset),
        ..query
    };
    let first = page(folder.path(), &id(), &older).unwrap();
    assert_eq!((texts(&first), first.more), (vec!["one", "two"], false));
}

#[test]
fn a_search_finds_either_case_and_a_missing_log_is_empty() {
    let folder = log(b"Error: a\nfine\nerror: b\n");
    let grep = LogQuery {
        filter: holding("ERROR"),
        ..LogQuery::default()
    };
    assert_eq!(
        texts(&page(folder.path(), &id(), &grep).unwrap()),
        ["Error: a", "error: b"]
    );
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(page(empty.path(), &id(), &grep).unwrap().lines, vec![]);
}

#[test]
fn a_search_is_not_misled_by_colours_and_goes_back_page_by_page() {
    let text: String = (0..5_000)
        .map(|n| format!("line {n} \x1b[31mFa\x1b[0mil\n"))
        .collect();
    let folder = log(text.as_bytes());
    let mut query = LogQuery {
        limit: 3,
        filter: holding("7 fail"),
        ..LogQuery::default()
    };
    let last = page(folder.path(), &id(), &query).unwrap();
    assert_eq!(last.lines.len(), 3);
    assert!(
        last.lines[2].text.starts_with("line 4997 "),
        "{:?}",
        last.lines
    );
    query.before = Some(last.lines[0].offset);
    let older = page(folder.path(), &id(), &query).unwrap();
    assert!(
        older.more && older.lines[2].text.starts_with("line 4967 "),
        "{:?}",
        older.lines
    );
}

#[test]
fn lines_of_a_level_and_higher_ones_are_found_from_both_sides() {
    let folder = log(b"INFO a\nWARN b\nplain\nERROR c\nDEBUG d\n");
    let of = |level, after| {
        let query = LogQuery {
            after,
            filter: Filter {
                grep: None,
                level: Some(level),
                hide: None,
            },
            ..LogQuery::default()
        };
        let page = page(folder.path(), &id(), &query).unwrap();
        texts(&page).join(", ")
    };
    for after in [None, Some(0)] {
        assert_eq!(of(LogLevel::Warn, after), "WARN b, ERROR c");
        assert_eq!(
            of(LogLevel::Debug, after),
            "INFO a, WARN b, ERROR c, DEBUG d"
        );
    }
    let all = page(folder.path(), &id(), &LogQuery::default()).unwrap();
    assert_eq!(
        (all.lines[1].level, all.lines[2].level),
        (Some(LogLevel::Warn), None)
    );
}

/// A log of which the shim noted the size after each group of lines.
fn timed(groups: &[(i64, &str)]) -> tempfile::TempDir {
    let (mut text, mut index) = (String::new(), String::new());
    for (at, lines) in groups {
        text += lines;
        index += &format!("{at:013} {:016}\n", text.len());
    }
    let folder = log(text.as_bytes());
    std::fs::write(folder.path().join(INDEX), index).unwrap();
    folder
}

#[test]
fn times_bound_a_page_on_both_sides() {
    let groups = [
        (1_000, "a\nb\n"),
        (2_000, "c\nhal"),
        (3_000, "f\nd\n"),
        (9_000, "e\n"),
    ];
    let folder = timed(&groups);
    let of = |since: Option<i64>, until: Option<i64>| {
        let query = LogQuery {
            since: since.map(Timestamp),
            until: until.map(Timestamp),
            ..LogQuery::default()
        };
        let page = page(folder.path(), &id(), &query).unwrap();
        page.lines
            .iter()
            .map(|line| line.text.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(of(None, None), "a b c half d e");
    assert_eq!(of(Some(2_000), None), "c half d e");
    // A line is as old as its end.
    assert_eq!(of(Some(3_000), None), "half d e");
    assert_eq!(of(Some(3_001), None), "e");
    assert_eq!(of(Some(9_001), None), "");
    assert_eq!(of(None, Some(2_000)), "a b c");
    assert_eq!(of(None, Some(999)), "");
    assert_eq!(of(Some(2_000), Some(3_000)), "c half d");
    let all = page(folder.path(), &id(), &LogQuery::default()).unwrap();
    let times: Vec<_> = all
        .lines
        .iter()
        .map(|line| line.at.map(|at| at.0))
        .collect();
    assert_eq!(times, [1_000, 1_000, 2_000, 3_000, 3_000, 9_000].map(Some));
}

#[test]
fn endless_lines_come_in_pieces_that_fit_together() {
    let text = format!("short\n{}\nend\n", "z".repeat(500_000));
    let folder = log(text.as_bytes());
    let all = page(folder.path(), &id(), &LogQuery::default()).unwrap();
    assert!(all.lines.iter().all(|line| line.text.len() <= 64 << 10));
    let whole: String = all.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(whole, text.replace('\n', ""));
    let one = LogQuery {
        limit: 1,
        before: Some(all.lines[4].offset),
        ..LogQuery::default()
    };
    assert_eq!(
        page(folder.path(), &id(), &one).unwrap().lines,
        [all.lines[3].clone()]
    );
}

#[test]
fn a_page_says_where_the_kept_part_begins_and_where_to_go_on() {
    let text: String = (0..1_000).map(|n| format!("line {n:04}\n")).collect();
    let folder = log(text.as_bytes());
    let file = File::options()
        .write(true)
        .open(folder.path().join(LOG))
        .unwrap();
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    if rustix::fs::fallocate(&file, punch, 0, 4_096).is_err() {
        return; // Not every file system can.
    }
    let query = LogQuery {
        after: Some(70),
        limit: 2,
        ..LogQuery::default()
    };
    let page = |query: &LogQuery| super::page(folder.path(), &id(), query).unwrap();
    // Ten bytes a line: the first whole one behind the hole.
    let first = page(&query);
    assert_eq!(
        (first.begin, texts(&first)),
        (4_100, vec!["line 0410", "line 0411"])
    );
    assert_eq!(
        (first.next, first.whole, first.end),
        (4_120, 10_000, 10_000)
    );
    assert_eq!(
        (first.lines[0].missed, first.lines[1].missed),
        (Some(4_030), None)
    );
    let begin = page(&LogQuery {
        after: Some(0),
        ..query.clone()
    });
    assert_eq!(begin.lines[0].missed, None, "all there is was asked for");
    let all = page(&LogQuery {
        after: Some(first.next),
        ..LogQuery::default()
    });
    assert_eq!((all.lines.len(), all.next), (588, 10_000));
    // A search that finds nothing has been everywhere all the same.
    let none = page(&LogQuery {
        filter: holding("line 0003"),
        ..LogQuery::default()
    });
    assert_eq!((none.lines.len(), none.next, none.more), (0, 4_100, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_put_together_are_the_log(
        lines in proptest::collection::vec("[a-z]{0,9}", 0..60),
        size in 1usize..7,
    ) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let folder = log(text.as_bytes());
        let mut backwards = Vec::new();
        let mut before = None;
        loop {
            let query = LogQuery { before, limit: size, ..LogQuery::default() };
            let page = page(folder.path(), &id(), &query).unwrap();
            let Some(first) = page.lines.first() else { break };
            before = Some(first.offset);
            backwards.splice(0..0, page.lines.iter().map(|line| line.text.clone()));
            if !page.more { break }
        }
        prop_assert_eq!(&backwards, &lines);
        let mut forwards = Vec::new();
        let mut after = Some(0);
        loop {
            let query = LogQuery { after, limit: size, ..LogQuery::default() };
            let page = page(folder.path(), &id(), &query).unwrap();
            let Some(last) = page.lines.last() else { break };
            prop_assert_eq!(page.next, last.end);
            after = Some(page.next);
            forwards.extend(page.lines.iter().map(|line| line.text.clone()));
        }
        prop_assert_eq!(&forwards, &lines);
    }
}
