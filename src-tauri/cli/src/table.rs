//! Tables for people, as wide as their terminal and no wider. Pure.

use crate::terminal::{Paint, Terminal, cut, wrapped};

/// With fewer columns than this a sentence cannot be read any more.
const READABLE: usize = 30;
/// So far a sentence that has a line of its own is moved in.
pub(crate) const INDENT: usize = 4;
/// Between two columns.
const GAP: usize = 2;

/// One cell: text and its colour.
pub(crate) type Cell = (String, Paint);

/// A cell without colour.
pub(crate) fn cell(text: impl Into<String>) -> Cell {
    (text.into(), Paint::None)
}

/// Lines up rows under their headings. The last column takes what is left of the width, and as many
/// lines as it needs: it says why, and is cut by no terminal. Where the width is too little to read, the
/// columns named `spare` are left out, one after the other; where it still is, the last column goes
/// below its row. The last of the spare ones stays as long as it fits itself.
pub(crate) fn table(
    headings: &[&str],
    rows: &[Vec<Cell>],
    spare: &[&str],
    terminal: Terminal,
) -> Vec<String> {
    lines(headings, rows, spare, terminal).concat()
}

/// The same, by row: the headings' lines first. Who has more to say of a row says it below.
pub(crate) fn lines(
    headings: &[&str],
    rows: &[Vec<Cell>],
    spare: &[&str],
    terminal: Terminal,
) -> Vec<Vec<String>> {
    let mut widths: Vec<usize> = headings
        .iter()
        .map(|heading| heading.chars().count())
        .collect();
    for row in rows {
        for (width, (text, _)) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let (Some(last), room) = (
        headings.len().checked_sub(1),
        terminal.columns.unwrap_or(usize::MAX),
    ) else {
        return Vec::new();
    };
    let mut shown: Vec<usize> = (0..last).collect();
    let taken = |shown: &[usize], widths: &[usize]| -> usize {
        shown.iter().map(|column| widths[*column] + GAP).sum()
    };
    let needed = widths[last].min(READABLE);
    for (nth, name) in spare.iter().enumerate() {
        let (beside, room) = match nth + 1 == spare.len() {
            // Nothing follows its gap.
            true => (0, room.saturating_add(GAP)),
            false => (needed, room),
        };
        if taken(&shown, &widths).saturating_add(beside) > room {
            shown.retain(|column| headings[*column] != *name);
        }
    }
    let below = taken(&shown, &widths).saturating_add(needed) > room;
    if below {
        // The widest gives way until the line fits. Two characters still tell something from nothing.
        while taken(&shown, &widths) > room.saturating_add(GAP)
            && let Some(widest) = shown.iter().copied().max_by_key(|column| widths[*column])
            && widths[widest] > 2
        {
            widths[widest] -= 1;
        }
        widths[last] = room.saturating_sub(INDENT);
    } else {
        widths[last] = widths[last].min(room.saturating_sub(taken(&shown, &widths)));
        shown.push(last);
    }
    let lines = |cells: &[Cell]| -> Vec<String> {
        let mut line = String::new();
        let mut owed = 0;
        for column in shown.iter().filter(|column| **column != last) {
            let Some((text, paint)) = cells.get(*column) else {
                continue;
            };
            line.push_str(&" ".repeat(owed));
            let width = widths[*column];
            let text = cut(text, width);
            owed = width.saturating_sub(text.chars().count()) + GAP;
            line.push_str(&terminal.paint(*paint, &text));
        }
        let why = cells.get(last).filter(|(text, _)| !text.is_empty());
        let mut pieces = why.map_or(Vec::new(), |(text, paint)| {
            let pieces = wrapped(text, widths[last]).into_iter();
            pieces.map(|piece| terminal.paint(*paint, &piece)).collect()
        });
        let mut indent = INDENT;
        if !below {
            indent = taken(&shown, &widths) - widths[last] - GAP;
            if !pieces.is_empty() {
                line.push_str(&" ".repeat(owed));
                line.push_str(&pieces.remove(0));
            }
        }
        let mut lines = vec![line.trim_end().to_owned()];
        lines.extend(pieces.into_iter().map(|piece| " ".repeat(indent) + &piece));
        lines
    };
    let headings: Vec<Cell> = headings
        .iter()
        .map(|heading| ((*heading).to_owned(), Paint::Faint))
        .collect();
    std::iter::once(lines(&headings))
        .chain(rows.iter().map(|row| lines(row)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(columns: usize) -> Terminal {
        Terminal {
            live: true,
            colour: false,
            columns: Some(columns),
            rows: 24,
        }
    }

    const PIPE: Terminal = Terminal {
        live: false,
        colour: false,
        columns: None,
        rows: 24,
    };

    const HEADINGS: [&str; 5] = ["INSTANCE", "STATE", "PORTS", "CATEGORY", "REASON"];
    const SPARE: [&str; 2] = ["CATEGORY", "PORTS"];
    const REASON: &str = "waiting for db: tcp 5432 refused; next try in 2 s, after that every 5 s";

    fn shown(terminal: Terminal) -> Vec<String> {
        let row = [
            "payments-worker.0",
            "waiting",
            "5432,5433",
            "services",
            REASON,
        ];
        table(&HEADINGS, &[row.map(cell).into()], &SPARE, terminal)
    }

    #[test]
    fn a_table_lines_up_and_its_last_column_takes_the_lines_it_needs() {
        let rows = [
            vec![cell("a"), cell("why not")],
            vec![
                cell("longer"),
                cell("because of something long, and of more"),
            ],
        ];
        assert_eq!(
            table(&["NAME", "REASON"], &rows, &[], wide(40)),
            [
                "NAME    REASON",
                "a       why not",
                "longer  because of something long, and",
                "        of more",
            ]
        );
        assert!(table(&["NAME", "REASON"], &rows, &[], PIPE)[2].ends_with("and of more"));
    }

    #[test]
    fn what_is_spare_gives_way_to_the_reason_and_the_reason_to_nothing() {
        assert_eq!(shown(wide(120))[1], shown(PIPE)[1], "all of it");
        let medium = shown(wide(72));
        assert_eq!(medium[0], "INSTANCE           STATE    PORTS      REASON");
        assert!(
            medium[1].ends_with("5432,5433  waiting for db: tcp 5432 refused;"),
            "{medium:#?}"
        );
        let below = medium[0].find("REASON");
        assert_eq!(medium[2].find("next try in 2 s, after that every"), below);
        assert_eq!(medium[3].find("5 s"), below);
        assert_eq!(medium.len(), 4);
        assert_eq!(
            shown(wide(40)),
            [
                "INSTANCE           STATE    PORTS",
                "    REASON",
                "payments-worker.0  waiting  5432,5433",
                "    waiting for db: tcp 5432 refused;",
                "    next try in 2 s, after that every 5",
                "    s",
            ]
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [12, 20, 40, 60, 80, 120] {
            for line in shown(wide(columns)) {
                assert!(line.chars().count() <= columns, "{columns}: {line:?}");
            }
        }
    }
}
