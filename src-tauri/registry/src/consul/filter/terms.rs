//! What each kind of answer can be filtered by.

/// What is at a term.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
    /// A list of texts.
    Texts,
    /// Texts under names of the client's.
    Named,
    Below(Terms),
    /// Terms under names of the client's.
    NamedBelow(Terms),
    /// A list of what has terms of its own.
    List,
}

/// The terms of an entry.
pub(crate) type Terms = &'static [(&'static str, Kind)];

const WEIGHTS: Terms = &[("Passing", Kind::Number), ("Warning", Kind::Number)];
const PLACE: Terms = &[("Address", Kind::Text), ("Port", Kind::Number)];

pub(crate) const NODE: Terms = &[
    ("ID", Kind::Text),
    ("Node", Kind::Text),
    ("Address", Kind::Text),
    ("Datacenter", Kind::Text),
    ("TaggedAddresses", Kind::Named),
    ("Meta", Kind::Named),
];

pub(crate) const SERVICE: Terms = &[
    ("ID", Kind::Text),
    ("Service", Kind::Text),
    ("Tags", Kind::Texts),
    ("Address", Kind::Text),
    ("Port", Kind::Number),
    ("Meta", Kind::Named),
    ("TaggedAddresses", Kind::NamedBelow(PLACE)),
    ("EnableTagOverride", Kind::Flag),
    ("Weights", Kind::Below(WEIGHTS)),
    ("Namespace", Kind::Text),
];

/// What the agent shows of a service: where it is, too.
pub(crate) const AGENT_SERVICE: Terms = &{
    let mut all = [("Datacenter", Kind::Text); SERVICE.len() + 1];
    let mut at = 0;
    while at < SERVICE.len() {
        all[at] = SERVICE[at];
        at += 1;
    }
    all
};

pub(crate) const CATALOG: Terms = &[
    ("ID", Kind::Text),
    ("Node", Kind::Text),
    ("Address", Kind::Text),
    ("Datacenter", Kind::Text),
    ("TaggedAddresses", Kind::Named),
    ("NodeMeta", Kind::Named),
    ("ServiceID", Kind::Text),
    ("ServiceName", Kind::Text),
    ("ServiceTags", Kind::Texts),
    ("ServiceAddress", Kind::Text),
    ("ServiceMeta", Kind::Named),
    ("ServicePort", Kind::Number),
    ("ServiceTaggedAddresses", Kind::NamedBelow(PLACE)),
    ("ServiceWeights", Kind::Below(WEIGHTS)),
    ("ServiceEnableTagOverride", Kind::Flag),
];

pub(crate) const CHECK: Terms = &[
    ("Node", Kind::Text),
    ("CheckID", Kind::Text),
    ("Name", Kind::Text),
    ("Status", Kind::Text),
    ("Notes", Kind::Text),
    ("Output", Kind::Text),
    ("ServiceID", Kind::Text),
    ("ServiceName", Kind::Text),
    ("ServiceTags", Kind::Texts),
    ("Type", Kind::Text),
];

pub(crate) const HEALTH: Terms = &[
    ("Node", Kind::Below(NODE)),
    ("Service", Kind::Below(SERVICE)),
    ("Checks", Kind::List),
];

impl Kind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::Flag => "true or false",
            Kind::Texts | Kind::List => "a list",
            Kind::Named | Kind::NamedBelow(_) => "an object whose keys clients choose",
            Kind::Below(_) => "an object",
        }
    }
}

/// What is where a selector leads, or what there is where it leads nowhere.
pub(super) fn find(terms: Terms, selector: &[String]) -> Result<Kind, Vec<&'static str>> {
    let known = || terms.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let Some((first, rest)) = selector.split_first() else {
        return Err(known());
    };
    let found = terms.iter().find(|(name, _)| name == first);
    let (name, kind) = found.ok_or_else(known)?;
    match (*kind, rest) {
        (kind, []) => Ok(kind),
        (Kind::Named, [_]) => Ok(Kind::Text),
        (Kind::NamedBelow(below), [_]) => Ok(Kind::Below(below)),
        (Kind::NamedBelow(below), [_, rest @ ..]) | (Kind::Below(below), rest) => find(below, rest),
        _ => Err(vec![name]),
    }
}
