//! The files a project is read from, and what is wrong with or to be said of each.

use super::{Kind, MAX_EXPANDED, MAX_NODES, Node, tree};
use crate::Note;
use spec::{Diagnostics, Found, Problem, Problems, Span};

/// One of [`Files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct FileId(u16);

/// A stretch of a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    start: u32,
    end: u32,
}

impl Place {
    pub(crate) fn new(file: FileId, span: &Span) -> Self {
        // A file has at most 1 MiB.
        let at = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            file,
            start: at(span.start),
            end: at(span.end),
        }
    }

    pub(crate) fn span(self) -> Span {
        self.start as usize..self.end as usize
    }

    /// From where this begins to where the other ends.
    pub(super) fn to(self, other: Place) -> Self {
        Self {
            end: other.end.max(self.start),
            ..self
        }
    }
}

#[derive(Debug)]
struct File {
    label: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    problems: Problems,
}

/// Files that were read, in the order they were asked for.
#[derive(Debug)]
pub(crate) struct Files {
    list: Vec<File>,
    notes: Vec<Note>,
    spare: Spare,
}

/// What may still be made of all files together: a project can have many, name one many times, and copy parts
/// of it.
#[derive(Debug, Clone, Copy)]
struct Spare {
    values: usize,
    text: usize,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            notes: Vec::new(),
            spare: Spare {
                values: 4 * MAX_NODES,
                text: 4 * MAX_EXPANDED,
            },
        }
    }
}

impl Files {
    /// Reads a file; `label` is how messages name it. `None` when it cannot be read to its end.
    pub(crate) fn read(&mut self, label: &str, bytes: &[u8]) -> Option<Node> {
        let mut problems = Problems::default();
        let (text, read) = match spec::foreign_text(bytes, &mut problems) {
            Ok(text) => (text.to_owned(), true),
            Err(shown) => (shown, false),
        };
        let id = self.add(label, text, problems)?;
        let file = &mut self.list[usize::from(id.0)];
        if !read {
            return None;
        }
        let node = tree::read(id, &file.text, &mut file.problems)?;
        self.afford(&node).then_some(node)
    }

    /// Takes what a tree comes to from what may still be made; `false` and said when that is too much.
    pub(crate) fn afford(&mut self, node: &Node) -> bool {
        let (mut open, mut values, mut text) = (vec![node], 0, 0);
        while let Some(node) = open.pop() {
            values += 1;
            match &node.kind {
                Kind::Scalar(scalar) => text += scalar.text.len(),
                Kind::List(items) => open.extend(items),
                Kind::Map(entries) => open.extend(entries.iter().map(|entry| &entry.value)),
            }
            if values > self.spare.values || text > self.spare.text {
                break;
            }
        }
        self.spend(values, text, node.place)
    }

    /// The same of so many values and bytes of text.
    pub(crate) fn spend(&mut self, values: usize, text: usize, at: Place) -> bool {
        let left = |spare: usize, spent: usize| spare.checked_sub(spent);
        if let (Some(values), Some(text)) =
            (left(self.spare.values, values), left(self.spare.text, text))
        {
            self.spare = Spare { values, text };
            return true;
        }
        self.wrong(at, |span| {
            Problem::new(span, "the project is too large", "at the latest here").help(format!(
                "at most {} values and {} MiB of text, where what is copied counts each time",
                4 * MAX_NODES,
                (4 * MAX_EXPANDED) >> 20
            ))
        });
        false
    }

    /// Bytes of text that may still be made.
    pub(crate) fn spare_text(&self) -> usize {
        self.spare.text
    }

    /// Adds a file that is read elsewhere.
    pub(crate) fn add(&mut self, label: &str, text: String, problems: Problems) -> Option<FileId> {
        let id = FileId(u16::try_from(self.list.len()).ok()?);
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        self.list.push(File {
            label: label.to_owned(),
            text,
            lines,
            problems,
        });
        Some(id)
    }

    /// What of a file that could not be read is a mistake of the place that asks for it.
    pub(crate) fn absent(found: &Found) -> Option<&str> {
        match found {
            Found::Bytes(_) => None,
            Found::Absent => Some("there is no such file"),
            Found::Unreadable(why) => Some(why),
        }
    }

    /// Something is wrong at a place.
    pub(crate) fn wrong(&mut self, at: Place, problem: impl FnOnce(Span) -> Problem) {
        if let Some(file) = self.list.get_mut(usize::from(at.file.0)) {
            file.problems.add(|| problem(at.span()));
        }
    }

    /// Something is to be known of a place.
    pub(crate) fn note(&mut self, at: Place, says: impl Into<String>) {
        let (file, line) = self.position(at);
        self.notes.push(Note {
            file: file.to_owned(),
            line,
            says: says.into(),
        });
    }

    /// The name of a place's file, and its line from 1.
    pub(crate) fn position(&self, at: Place) -> (&str, usize) {
        let start = at.start as usize;
        self.list
            .get(usize::from(at.file.0))
            .map_or(("", 1), |file| {
                let line = file.lines.partition_point(|begins| *begins <= start);
                (&file.label, line)
            })
    }

    /// `compose.yaml:14`.
    pub(crate) fn named(&self, at: Place) -> String {
        let (file, line) = self.position(at);
        format!("{file}:{line}")
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_fine(&self) -> bool {
        self.list.iter().all(|file| file.problems.is_empty())
    }

    /// What is to be known.
    ///
    /// # Errors
    /// Everything that is wrong, file by file.
    pub(crate) fn done(self) -> Result<Vec<Note>, Diagnostics> {
        let mut all: Option<Diagnostics> = None;
        for file in self.list {
            if file.problems.is_empty() {
                continue;
            }
            let wrong = file.problems.into_diagnostics(&file.label, &file.text);
            match &mut all {
                Some(all) => all.append(wrong),
                None => all = Some(wrong),
            }
        }
        match all {
            Some(wrong) => Err(wrong),
            None => {
                let mut notes = self.notes;
                notes.sort();
                notes.dedup();
                Ok(notes)
            }
        }
    }
}
