//! TOML with places: the tree the reader walks, where every key and value knows its bytes.
//!
//! `toml_parser` finds tokens and grammar; this module only builds the tree, because no finished
//! one tells both places of a duplicate and goes on after it.

use crate::Form;
use crate::limits::MAX_DEPTH;
use crate::problem::{Problem, Problems, Span, quoted};
use crate::syntax;
use std::borrow::Cow;
use std::collections::BTreeMap;
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError};

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Value {
    /// The value's bytes; for a table with a header, the last part of the header's name.
    pub(crate) span: Span,
    pub(crate) kind: ValueKind,
}

#[derive(Debug)]
pub(crate) enum ValueKind {
    Text(String),
    Integer(i64),
    Float,
    Boolean(bool),
    Date,
    Array(Vec<Value>),
    Table(Table),
}

impl Value {
    /// What it is, as messages say it.
    pub(crate) fn what(&self) -> &'static str {
        match self.kind {
            ValueKind::Text(_) => "a text",
            ValueKind::Integer(_) => "a whole number",
            ValueKind::Float => "a number with a fraction",
            ValueKind::Boolean(_) => "a yes or no",
            ValueKind::Date => "a date",
            ValueKind::Array(_) => "a list",
            ValueKind::Table(_) => "a table",
        }
    }
}

/// A table, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.name == name)
    }
}

/// Reads TOML. Duplicates go to `problems` and reading goes on; `None` means the text is not TOML
/// (or too deep), `problems` says where, and there is no tree to trust.
pub(crate) fn read(text: &str, form: &Form, problems: &mut Problems) -> Option<Table> {
    let source = toml_parser::Source::new(text);
    let tokens = source.lex().into_vec();
    let mut builder = Builder::new(source);
    let mut errors: Vec<ParseError> = Vec::new();
    toml_parser::parser::parse_document(&tokens, &mut builder, &mut errors);
    let too_deep = builder.too_deep.take();
    if !errors.is_empty() {
        syntax::explain(text, &errors, form, problems);
    }
    if let Some(span) = &too_deep {
        problems.add(|| {
            Problem::new(
                span.clone(),
                format!("nested more than {MAX_DEPTH} deep"),
                "this is one level too many",
            )
            .help(form.deep)
        });
    }
    if !errors.is_empty() || too_deep.is_some() {
        return None;
    }
    for (message, first, second) in std::mem::take(&mut builder.conflicts) {
        problems.add(|| conflict(&message, first, second));
    }
    Some(builder.finish())
}

fn conflict(conflict: &Conflict, first: Span, second: Span) -> Problem {
    match conflict {
        Conflict::Twice(name) => Problem::new(
            second,
            format!("{} is defined twice", quoted(name)),
            "defined again here",
        )
        .and(first, "first defined here")
        .help("keep one of the two, or give one of them another name"),
        Conflict::NotATable(name) => Problem::new(
            second,
            format!(
                "{} already has a value, so nothing can be put into it",
                quoted(name)
            ),
            "used as a table here",
        )
        .and(first, "the value is here")
        .help("write all of it in one place, as a table"),
    }
}

#[derive(Debug)]
enum Conflict {
    Twice(String),
    NotATable(String),
}

/// How a table came to be, which decides whether it may be added to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Made {
    /// Only because something below it was named: `[a.b]` makes `a`.
    Implied,
    /// By its own `[header]`.
    Header,
    /// By a dotted key: `a.b = 1` makes `a`.
    Dotted,
    /// As `{ … }`, complete with its closing brace.
    Inline,
}

type NodeId = usize;

enum Node {
    Leaf(ValueKind),
    Array {
        items: Vec<NodeId>,
        of_tables: bool,
    },
    Table {
        entries: Vec<(Key, NodeId)>,
        index: BTreeMap<String, usize>,
        made: Made,
    },
}

struct Builder<'i> {
    source: toml_parser::Source<'i>,
    nodes: Vec<(Node, Span)>,
    /// The table keys go into: the one of the last header, or the root.
    current: NodeId,
    /// Open inline tables and arrays.
    open: Vec<NodeId>,
    /// Keys read since the last header or value, the parts of one dotted key. Each open inline
    /// table has its own.
    path: Vec<Key>,
    conflicts: Vec<(Conflict, Span, Span)>,
    too_deep: Option<Span>,
}

/// Conflicts remembered; a file with more is no less wrong.
const MAX_CONFLICTS: usize = 1_000;
const ROOT: NodeId = 0;

impl<'i> Builder<'i> {
    fn new(source: toml_parser::Source<'i>) -> Self {
        let mut builder = Self {
            source,
            nodes: Vec::new(),
            current: ROOT,
            open: Vec::new(),
            path: Vec::new(),
            conflicts: Vec::new(),
            too_deep: None,
        };
        builder.table(Made::Header, 0..0);
        builder
    }

    fn node(&mut self, node: Node, span: Span) -> NodeId {
        self.nodes.push((node, span));
        self.nodes.len() - 1
    }

    fn table(&mut self, made: Made, span: Span) -> NodeId {
        self.node(
            Node::Table {
                entries: Vec::new(),
                index: BTreeMap::new(),
                made,
            },
            span,
        )
    }

    fn conflict(&mut self, conflict: Conflict, first: Span, second: Span) {
        if self.conflicts.len() < MAX_CONFLICTS {
            self.conflicts.push((conflict, first, second));
        }
    }

    fn child(&self, table: NodeId, name: &str) -> Option<(NodeId, Span)> {
        match &self.nodes[table].0 {
            Node::Table { entries, index, .. } => index.get(name).map(|at| {
                let (key, node) = &entries[*at];
                (*node, key.span.clone())
            }),
            _ => None,
        }
    }

    fn insert(&mut self, table: NodeId, key: Key, node: NodeId) {
        if let Node::Table { entries, index, .. } = &mut self.nodes[table].0 {
            index.insert(key.name.clone(), entries.len());
            entries.push((key, node));
        }
    }

    /// The table `path` leads to from `table`, made on the way where it is missing. `None` when
    /// something on the way is no table; that was noted.
    fn descend(&mut self, mut table: NodeId, path: &[Key], dotted: bool) -> Option<NodeId> {
        for key in path {
            let Some((child, first)) = self.child(table, &key.name) else {
                let made = if dotted { Made::Dotted } else { Made::Implied };
                let child = self.table(made, key.span.clone());
                self.insert(table, key.clone(), child);
                table = child;
                continue;
            };
            table = match &self.nodes[child].0 {
                Node::Table {
                    made: Made::Inline, ..
                }
                | Node::Leaf(_) => None,
                // A dotted key may not reach into a table with a header of its own.
                Node::Table {
                    made: Made::Header, ..
                } if dotted => {
                    self.conflict(Conflict::Twice(key.name.clone()), first, key.span.clone());
                    return None;
                }
                Node::Table { .. } => Some(child),
                Node::Array {
                    items,
                    of_tables: true,
                } if !dotted => items.last().copied(),
                Node::Array { .. } => None,
            }
            .or_else(|| {
                self.conflict(
                    Conflict::NotATable(key.name.clone()),
                    first,
                    key.span.clone(),
                );
                None
            })?;
        }
        Some(table)
    }

    /// Makes the table a header names the current one. On a conflict what follows is read into a
    /// table that belongs to nothing.
    fn header(&mut self, array: bool) {
        let path = std::mem::take(&mut self.path);
        let Some((key, parents)) = path.split_last() else {
            return;
        };
        if self.deeper(path.len(), &key.span) {
            return;
        }
        let fresh = self.table(Made::Header, key.span.clone());
        self.current = fresh;
        let Some(parent) = self.descend(ROOT, parents, false) else {
            return;
        };
        match self.child(parent, &key.name) {
            None if array => {
                let list = Node::Array {
                    items: vec![fresh],
                    of_tables: true,
                };
                let list = self.node(list, key.span.clone());
                self.insert(parent, key.clone(), list);
            }
            None => self.insert(parent, key.clone(), fresh),
            Some((child, first)) => match &mut self.nodes[child].0 {
                Node::Table { made, .. } if !array && *made == Made::Implied => {
                    *made = Made::Header;
                    self.current = child;
                }
                Node::Array {
                    items,
                    of_tables: true,
                } if array => items.push(fresh),
                _ => self.conflict(Conflict::Twice(key.name.clone()), first, key.span.clone()),
            },
        }
    }

    /// Puts a value where the open array or the last key says.
    fn place(&mut self, node: Node, span: Span) -> NodeId {
        let id = self.node(node, span);
        let into = match self.open.last() {
            Some(open) => match &mut self.nodes[*open].0 {
                Node::Array { items, .. } => {
                    items.push(id);
                    return id;
                }
                _ => *open,
            },
            None => self.current,
        };
        let path = std::mem::take(&mut self.path);
        let Some((key, parents)) = path.split_last() else {
            return id;
        };
        if let Some(table) = self.descend(into, parents, true) {
            match self.child(table, &key.name) {
                None => self.insert(table, key.clone(), id),
                Some((_, first)) => {
                    self.conflict(Conflict::Twice(key.name.clone()), first, key.span.clone());
                }
            }
        }
        id
    }

    /// Notes and says whether `more` further levels are too many here.
    fn deeper(&mut self, more: usize, span: &Span) -> bool {
        let too_deep = self.open.len() + more > MAX_DEPTH;
        if too_deep && self.too_deep.is_none() {
            self.too_deep = Some(span.clone());
        }
        too_deep
    }

    /// Opens an array or inline table, unless that is too deep.
    fn enter(&mut self, node: Node, span: Span) -> bool {
        if self.deeper(self.path.len() + 1, &span) {
            return false;
        }
        let id = self.place(node, span);
        self.open.push(id);
        true
    }

    fn close(&mut self, span: &Span) {
        self.path.clear();
        if let Some(id) = self.open.pop() {
            self.nodes[id].1.end = span.end;
        }
    }

    fn finish(mut self) -> Table {
        match self.take(ROOT).kind {
            ValueKind::Table(table) => table,
            _ => Table::default(),
        }
    }

    /// Turns a node and all below it into a tree; the depth is bounded by [`MAX_DEPTH`].
    fn take(&mut self, id: NodeId) -> Value {
        let empty = Node::Leaf(ValueKind::Date);
        let span = self.nodes[id].1.clone();
        let kind = match std::mem::replace(&mut self.nodes[id].0, empty) {
            Node::Leaf(kind) => kind,
            Node::Array { items, .. } => {
                ValueKind::Array(items.into_iter().map(|item| self.take(item)).collect())
            }
            Node::Table { entries, .. } => {
                let entry = |(key, node)| Entry {
                    key,
                    value: self.take(node),
                };
                ValueKind::Table(Table {
                    entries: entries.into_iter().map(entry).collect(),
                })
            }
        };
        Value { span, kind }
    }
}

fn range(span: toml_parser::Span) -> Span {
    span.start()..span.end()
}

impl EventReceiver for Builder<'_> {
    fn std_table_open(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.path.clear();
        self.open.clear();
    }
    fn std_table_close(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.header(false);
    }
    fn array_table_open(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.path.clear();
        self.open.clear();
    }
    fn array_table_close(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.header(true);
    }
    fn inline_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        let node = Node::Table {
            entries: Vec::new(),
            index: BTreeMap::new(),
            made: Made::Inline,
        };
        self.enter(node, range(span))
    }
    fn inline_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.close(&range(span));
    }
    fn array_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        self.enter(
            Node::Array {
                items: Vec::new(),
                of_tables: false,
            },
            range(span),
        )
    }
    fn array_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.close(&range(span));
    }
    fn simple_key(
        &mut self,
        span: toml_parser::Span,
        encoding: Option<Encoding>,
        error: &mut dyn ErrorSink,
    ) {
        let Some(raw) = self.source.get(span) else {
            return;
        };
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span);
        let mut name = Cow::Borrowed("");
        raw.decode_key(&mut name, error);
        let span = range(span);
        if !self.deeper(self.path.len() + 1, &span) {
            self.path.push(Key {
                name: name.into_owned(),
                span,
            });
        }
    }
    fn scalar(
        &mut self,
        span: toml_parser::Span,
        encoding: Option<Encoding>,
        error: &mut dyn ErrorSink,
    ) {
        let Some(raw) = self.source.get(span) else {
            return;
        };
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span);
        let mut text = Cow::Borrowed("");
        let kind = match raw.decode_scalar(&mut text, error) {
            ScalarKind::String => ValueKind::Text(text.into_owned()),
            ScalarKind::Boolean(yes) => ValueKind::Boolean(yes),
            ScalarKind::Integer(radix) => match i64::from_str_radix(&text, radix.value()) {
                Ok(number) => ValueKind::Integer(number),
                Err(_) => {
                    error.report_error(ParseError::new(syntax::TOO_LARGE).with_unexpected(span));
                    ValueKind::Integer(0)
                }
            },
            ScalarKind::Float => ValueKind::Float,
            ScalarKind::DateTime => ValueKind::Date,
        };
        self.place(Node::Leaf(kind), range(span));
    }
    fn comment(&mut self, span: toml_parser::Span, error: &mut dyn ErrorSink) {
        if let Some(raw) = self.source.get(span) {
            raw.decode_comment(error);
        }
    }
    fn newline(&mut self, span: toml_parser::Span, error: &mut dyn ErrorSink) {
        if let Some(raw) = self.source.get(span) {
            raw.decode_newline(error);
        }
    }
}
