//! From the parser's events to a tree: aliases followed, merge keys merged, everything counted.

use super::files::{FileId, Place};
use super::wrong::{self, said};
use super::{Entry, Kind, MAX_ALIASES, MAX_DEPTH, MAX_EXPANDED, MAX_NODES, Node, Scalar, Tag};
use saphyr_parser::{Event, Parser, ScalarStyle};
use spec::{Problem, Problems, Span, quoted};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Reads a document. `None` when it cannot be read to its end; what can be read with a mistake in it, is.
pub(super) fn read(file: FileId, text: &str, problems: &mut Problems) -> Option<Node> {
    if let Some(control) = wrong::control(text) {
        problems.add(|| control);
        return None;
    }
    let mut builder = Builder {
        file,
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        cost: Cost::default(),
        aliases: 0,
        documents: 0,
    };
    let bytes = Bytes::of(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok((event, span)) => (event, bytes.range(span.start.index(), span.end.index())),
            Err(error) => {
                let at = bytes.at(error.marker().index());
                builder.problems.add(|| said(error.info(), text, at));
                return None;
            }
        };
        if let Err(stop) = builder.take(event, span) {
            builder.problems.add(|| *stop);
            return None;
        }
    }
    let nothing = Node::scalar(Scalar::plain(String::new()), Place::new(file, &(0..0)));
    Some(builder.root.unwrap_or(nothing))
}

/// Where each character begins: the parser counts characters, and we bytes.
enum Bytes {
    Same(usize),
    Of(Vec<u32>),
}

impl Bytes {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Same(text.len());
        }
        let begins = text.char_indices().map(|(at, _)| at);
        // A file has at most 1 MiB.
        let begins = begins
            .chain([text.len()])
            .filter_map(|at| u32::try_from(at).ok());
        Self::Of(begins.collect())
    }

    fn at(&self, character: usize) -> usize {
        match self {
            Self::Same(length) => character.min(*length),
            Self::Of(begins) => match begins.get(character).or(begins.last()) {
                Some(at) => *at as usize,
                None => 0,
            },
        }
    }

    fn range(&self, start: usize, end: usize) -> Span {
        self.at(start)..self.at(end)
    }
}

/// What a node and all below it come to.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    /// Levels below it, itself included.
    height: usize,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.nodes += other.nodes;
        self.bytes += other.bytes;
        self.height = self.height.max(other.height);
    }
}

/// A mapping or list that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<Key>,
    /// Where each key was first seen.
    keys: BTreeMap<String, Place>,
    /// What `<<` names, in its order.
    merged: Vec<Node>,
    /// Without itself.
    cost: Cost,
}

struct Key {
    name: String,
    at: Place,
    merges: bool,
}

/// A node that an alias can name.
enum Anchored {
    /// It is still open: an alias to it would contain itself.
    Open,
    Closed(Node, Cost),
}

struct Builder<'p> {
    file: FileId,
    problems: &'p mut Problems,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    root: Option<Node>,
    /// Of all so far.
    cost: Cost,
    aliases: usize,
    documents: usize,
}

/// Reading cannot go on.
type Stop = Box<Problem>;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Box::new(wrong::second_document(span)));
                }
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, anchor, tag, span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.enter(Kind::List(Vec::new()), anchor, tag, span)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.enter(Kind::Map(Vec::new()), anchor, tag, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn place(&self, span: &Span) -> Place {
        Place::new(self.file, span)
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'_, saphyr_parser::Tag>>,
        span: Span,
    ) -> Result<(), Stop> {
        let plain = style == ScalarStyle::Plain;
        let (own, kind) = self.tag(tag.as_deref(), &span)?;
        // A merge key is one by its word, where nobody says it is a text.
        let merges = plain && text == "<<" && tag.is_none();
        let text = text.into_owned();
        let scalar = match (plain, kind) {
            (_, Some(Core::Text)) | (false, None) => Scalar::text(text),
            _ => Scalar::plain(text),
        };
        let cost = Cost {
            nodes: 1,
            bytes: scalar.text.len(),
            height: 1,
        };
        let mut node = Node::scalar(scalar, self.place(&span));
        node.tag = own;
        if anchor > 0 {
            self.anchors
                .insert(anchor, Anchored::Closed(node.clone(), cost));
        }
        self.put(node, cost, merges)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            return Err(Box::new(wrong::too_many(
                span,
                format!("more than {MAX_ALIASES} aliases"),
            )));
        }
        let (node, cost) = match self.anchors.get(&anchor) {
            Some(Anchored::Closed(node, cost)) => (node, *cost),
            Some(Anchored::Open) | None => {
                return Err(Box::new(
                    Problem::new(span, "this alias is part of what it names", "the alias")
                        .help("an alias can only repeat what is complete before it"),
                ));
            }
        };
        // Before it is copied.
        self.afford(cost, &span)?;
        let mut node = node.clone();
        // A word is shown where it is used, and a mapping where its keys are.
        if matches!(node.kind, Kind::Scalar(_)) {
            node.place = self.place(&span);
        }
        self.put(node, cost, false)
    }

    fn afford(&self, cost: Cost, span: &Span) -> Result<(), Stop> {
        let stop = |what: String| Err(Box::new(wrong::too_many(span.clone(), what)));
        if self.open.len() + cost.height > MAX_DEPTH {
            return Err(Box::new(wrong::too_deep(span.clone())));
        }
        if self.cost.nodes + cost.nodes > MAX_NODES {
            return stop(format!("more than {MAX_NODES} values"));
        }
        if self.cost.bytes + cost.bytes > MAX_EXPANDED {
            return stop(format!("more than {} MiB of text", MAX_EXPANDED >> 20));
        }
        Ok(())
    }

    fn enter(
        &mut self,
        kind: Kind,
        anchor: usize,
        tag: Option<Cow<'_, saphyr_parser::Tag>>,
        span: Span,
    ) -> Result<(), Stop> {
        let itself = Cost {
            nodes: 1,
            bytes: 0,
            height: 1,
        };
        self.afford(itself, &span)?;
        if let Some(Open {
            node: Node {
                kind: Kind::Map(_), ..
            },
            key: None,
            ..
        }) = self.open.last()
        {
            return Err(Box::new(wrong::key(span)));
        }
        let (own, _) = self.tag(tag.as_deref(), &span)?;
        self.cost.nodes += 1;
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored::Open);
        }
        let mut node = Node::of(kind, self.place(&span));
        node.tag = own;
        self.open.push(Open {
            node,
            anchor,
            key: None,
            keys: BTreeMap::new(),
            merged: Vec::new(),
            cost: Cost::default(),
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        self.merge(&mut open);
        let last = match &open.node.kind {
            Kind::List(items) => items.last().map(|item| item.place),
            Kind::Map(entries) => entries.last().map(|entry| entry.value.place),
            Kind::Scalar(_) => None,
        };
        if let Some(last) = last {
            open.node.place = open.node.place.to(last);
        }
        let cost = Cost {
            nodes: open.cost.nodes + 1,
            bytes: open.cost.bytes,
            height: open.cost.height + 1,
        };
        if open.anchor > 0 {
            // The copy is no part of the tree, and there are as many as anchors: it is counted as well.
            self.afford(Cost { height: 0, ..cost }, &open.node.place.span())?;
            self.cost.bytes += cost.bytes;
            self.cost.nodes += cost.nodes;
            self.anchors
                .insert(open.anchor, Anchored::Closed(open.node.clone(), cost));
        }
        self.attach(open.node, cost);
        Ok(())
    }

    /// Puts a whole node where the open mapping or list says, and counts it.
    fn put(&mut self, node: Node, cost: Cost, merges: bool) -> Result<(), Stop> {
        self.afford(cost, &node.place.span())?;
        self.cost.nodes += cost.nodes;
        self.cost.bytes += cost.bytes;
        if let Some(open) = self.open.last_mut()
            && matches!(open.node.kind, Kind::Map(_))
            && open.key.is_none()
        {
            let at = node.place;
            let name = match node.kind {
                // `null: 1` and `: 1` are a slip.
                Kind::Scalar(ref scalar) if !node.is_null() => scalar.words(),
                _ => return Err(Box::new(wrong::key(at.span()))),
            };
            if let Some(first) = open.keys.get(&name) {
                let first = first.span();
                self.problems.add(|| wrong::twice(&name, at.span(), first));
            } else {
                open.keys.insert(name.clone(), at);
            }
            open.cost.nodes += 1;
            open.cost.bytes += name.len();
            open.key = Some(Key { name, at, merges });
            return Ok(());
        }
        self.attach(node, cost);
        Ok(())
    }

    fn attach(&mut self, node: Node, cost: Cost) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.cost.add(cost);
        match &mut open.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match open.key.take() {
                Some(key) if key.merges => open.merged.push(node),
                // The first of two with the same name stays: the second is a mistake that was said.
                Some(key) if open.keys.get(&key.name) == Some(&key.at) => entries.push(Entry {
                    key: key.name,
                    at: key.at,
                    value: node,
                }),
                _ => {}
            },
            Kind::Scalar(_) => {}
        }
    }

    /// Adds what `<<` names and the mapping does not set itself; of several the first counts.
    fn merge(&mut self, open: &mut Open) {
        let Kind::Map(entries) = &mut open.node.kind else {
            return;
        };
        let mut add = |node: Node, problems: &mut Problems| match node.kind {
            Kind::Map(more) => {
                for entry in more {
                    if !open.keys.contains_key(&entry.key) {
                        open.keys.insert(entry.key.clone(), entry.at);
                        entries.push(entry);
                    }
                }
            }
            _ => problems.add(|| wrong::merge(node.place.span(), node.what())),
        };
        for node in std::mem::take(&mut open.merged) {
            match node.kind {
                Kind::List(items) => items.into_iter().for_each(|item| add(item, self.problems)),
                _ => add(node, self.problems),
            }
        }
    }

    /// What a tag says: ours, or one of YAML's own.
    fn tag(
        &self,
        tag: Option<&saphyr_parser::Tag>,
        span: &Span,
    ) -> Result<(Option<Tag>, Option<Core>), Stop> {
        let Some(tag) = tag else {
            return Ok((None, None));
        };
        match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("!", "reset") => Ok((Some(Tag::Reset), None)),
            ("!", "override") => Ok((Some(Tag::Override), None)),
            ("!" | "", "" | "!") | ("tag:yaml.org,2002:", "str") => Ok((None, Some(Core::Text))),
            ("tag:yaml.org,2002:", "null" | "bool" | "int" | "float" | "seq" | "map") => {
                Ok((None, Some(Core::Plain)))
            }
            _ => {
                let name = format!("{}{}", tag.handle, tag.suffix);
                Err(Box::new(
                    Problem::new(
                        span.clone(),
                        format!("the tag {} is not known", quoted(&name)),
                        "what it is before",
                    )
                    .help("known are !reset and !override, and YAML's own, as in !!str"),
                ))
            }
        }
    }
}

/// What one of YAML's own tags makes of a word.
enum Core {
    Text,
    Plain,
}
