//! What a program says when it registers itself, and what of it is acceptable.

use crate::check::{Check, CheckState, Look};
use crate::listed::LITTLE;
use crate::target::{self, Refusal};
use crate::{Error, Listed, millis, prober};
use ipnet::IpNet;
use model::Timestamp;
use model::view::{Health, KeptBy};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::Registered;

/// How long an entry is listed without a heartbeat unless it says so.
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// The shortest time it may say.
pub const SHORTEST_TTL: Duration = Duration::from_secs(5);
/// The longest time it may say: a day.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

const MAX_ID: usize = 128;
/// Longest name and id of what Consul's clients register, in bytes.
const MAX_FREE: usize = 255;
const MAX_META: usize = 32;
/// Consul's own limits.
const MAX_FREE_META: usize = 64;
const MAX_META_KEY: usize = 128;
const MAX_META_VALUE: usize = 512;
const MAX_TAGS: usize = 64;
/// Longest tag in bytes: tags of proxies hold whole rules.
const MAX_TAG: usize = 1_024;
/// Longest version and category, in bytes.
const MAX_WORD: usize = 64;
const MAX_CHECKS: usize = 16;
/// Longest `extra`, in bytes.
const MAX_EXTRA: usize = 16 << 10;

/// A wish to be listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// The name to be found by; grammar of [`model::ServiceName`]. With [`Keep::Checks`] any text of
    /// 1 to 255 bytes.
    pub name: String,
    /// The id within the name. With [`Keep::Checks`] any text of 1 to 255 bytes, and only one of that
    /// kind at a time has it, under whatever name.
    pub id: String,
    /// Where it is. With [`Keep::Checks`] it may be empty: then it has no port.
    pub url: String,
    /// How it is kept.
    pub keep: Keep,
    /// What it can be picked by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// What kind of service it is.
    #[serde(default)]
    pub category: Option<String>,
    /// What it says about itself.
    #[serde(default)]
    pub meta: BTreeMap<String, String>,
    /// What share of traffic it should get.
    #[serde(default)]
    pub weights: Weights,
    /// What tells how well it is.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// What the interface it came through wants to remember of it, as it is.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub extra: serde_json::Value,
}

/// Until when something that registered itself is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Keep {
    /// So long without a heartbeat.
    Lease {
        /// How long.
        #[serde(with = "millis")]
        ttl: Duration,
    },
    /// As long as our own look at it finds it well.
    Probe,
    /// Until somebody takes it from the list, or one of its checks lets it go.
    Checks,
}

/// What checks said last, by their ids, and since when: of those that say something else than at first.
pub(crate) type Says = BTreeMap<String, (Health, Timestamp)>;

/// What is on disk of an entry.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    wish: &'a Registration,
    says: Says,
}

/// What of it is not the registration.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    says: Says,
}

/// Which checks stay of an entry that is registered again and does not name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stays {
    /// None: a registration says all of it.
    Nothing,
    /// What somebody said of it: maintenance stays until it is ended.
    Said,
    /// All of them.
    All,
}

/// Shares of traffic, by how well an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// When it is passing.
    pub passing: u32,
    /// When it has a warning.
    pub warning: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            passing: 1,
            warning: 1,
        }
    }
}

impl Registration {
    /// A wish with everything left out that can be: 30 seconds, and an id made from the URL, so
    /// that a program that registers twice is listed once.
    pub fn new(name: &str, url: &str) -> Self {
        Self::of(name.to_owned(), url.to_owned(), None)
    }

    /// The same with an id, if there is one.
    pub(crate) fn of(name: String, url: String, id: Option<String>) -> Self {
        Self {
            id: id.unwrap_or_else(|| id_of(&url)),
            name,
            url,
            keep: Keep::Lease { ttl: DEFAULT_TTL },
            tags: Vec::new(),
            version: None,
            category: None,
            meta: BTreeMap::new(),
            weights: Weights::default(),
            checks: Vec::new(),
            extra: serde_json::Value::Null,
        }
    }

    /// Takes over those checks of the entry in its place that stay; true when there were some.
    pub(crate) fn keep_checks(&mut self, known: &Listed, stays: Stays) -> bool {
        let before = self.checks.len();
        for CheckState { check, .. } in &known.checks {
            let kept = match stays {
                Stays::Nothing => false,
                Stays::Said => check.look == Look::Said,
                Stays::All => true,
            };
            if kept && !self.checks.iter().any(|one| one.id == check.id) {
                self.checks.push(check.clone());
            }
        }
        self.checks.len() > before
    }

    /// Who says how long it is listed.
    pub fn kept_by(&self) -> KeptBy {
        match self.keep {
            Keep::Lease { .. } => KeptBy::Lease,
            Keep::Probe => KeptBy::Probe,
            Keep::Checks => KeptBy::Checks,
        }
    }

    /// Holds it against the limits.
    pub(crate) fn check(
        &self,
        refused_ports: &BTreeSet<u16>,
        allowed: &[IpNet],
    ) -> Result<(), Error> {
        match self.keep {
            Keep::Checks => self.check_free()?,
            Keep::Lease { .. } | Keep::Probe => self.check_strict()?,
        }
        self.check_words()?;
        self.check_checks(refused_ports, allowed)?;
        if self.url.is_empty() && self.keep == Keep::Checks {
            return Ok(());
        }
        let address = target::check(&self.url, allowed)?;
        // Our ports are on loopback only; on another machine the same number is somebody else's.
        if address.ip().is_loopback() && refused_ports.contains(&address.port()) {
            return Err(Refusal::OurPort(address.port()).into());
        }
        Ok(())
    }

    fn check_strict(&self) -> Result<(), Error> {
        self.name.parse::<model::ServiceName>()?;
        let id = self.id.as_bytes();
        let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if id.len() > MAX_ID
            || !id.first().is_some_and(u8::is_ascii_alphanumeric)
            || !id.iter().all(inner)
        {
            return Err(Error::Id);
        }
        if let Keep::Lease { ttl } = self.keep
            && (ttl < SHORTEST_TTL || ttl > LONGEST_TTL)
        {
            return Err(Error::Ttl(ttl.as_secs()));
        }
        if self.meta.len() > MAX_META {
            return Err(Error::Meta);
        }
        Ok(())
    }

    fn check_free(&self) -> Result<(), Error> {
        let text = |text: &str| {
            !text.is_empty() && text.len() <= MAX_FREE && !text.chars().any(char::is_control)
        };
        if !text(&self.name) {
            return Err(Error::Free("name"));
        }
        if !text(&self.id) {
            return Err(Error::Free("id"));
        }
        if self.meta.len() > MAX_FREE_META {
            return Err(Error::Meta);
        }
        Ok(())
    }

    fn check_words(&self) -> Result<(), Error> {
        let fits = |(key, value): (&String, &String)| {
            key.len() <= MAX_META_KEY && value.len() <= MAX_META_VALUE
        };
        if !self.meta.iter().all(fits) {
            return Err(Error::Meta);
        }
        // A value may have lines; a key is a heading.
        let lines = |text: &str| {
            !plain(text) && text.chars().any(|c| steers(c) && !matches!(c, '\n' | '\t'))
        };
        if let Some((key, _)) = self
            .meta
            .iter()
            .find(|(key, value)| is_steering(key) || lines(value))
        {
            return Err(Error::Steers(format!("meta {key:?}")));
        }
        if self.tags.iter().any(|tag| is_steering(tag)) {
            return Err(Error::Steers("tags".into()));
        }
        let word = |text: &String, limit| !text.is_empty() && text.len() <= limit;
        if self.tags.len() > MAX_TAGS || !self.tags.iter().all(|tag| word(tag, MAX_TAG)) {
            return Err(Error::Tags);
        }
        let words = [("version", &self.version), ("category", &self.category)];
        for (what, text) in words {
            if text.iter().any(|text| is_steering(text)) {
                return Err(Error::Steers(what.into()));
            }
            if text.as_ref().is_some_and(|text| !word(text, MAX_WORD)) {
                return Err(Error::Word(what));
            }
        }
        if !self.extra.is_null() && self.extra.to_string().len() > MAX_EXTRA {
            return Err(Error::Word("rest"));
        }
        Ok(())
    }

    fn check_checks(&self, refused_ports: &BTreeSet<u16>, allowed: &[IpNet]) -> Result<(), Error> {
        if self.checks.len() > MAX_CHECKS {
            return Err(Error::Check(format!("there are at most {MAX_CHECKS}")));
        }
        let ids: BTreeSet<&str> = self.checks.iter().map(|check| check.id.as_str()).collect();
        if ids.len() < self.checks.len() {
            return Err(Error::Check("two have one id".into()));
        }
        if !self.checks.iter().all(Check::fits) {
            let why = "its id, name and notes are texts of at most 512, 512 and 4096 bytes";
            return Err(Error::Check(why.into()));
        }
        for check in &self.checks {
            let of = |why: &dyn std::fmt::Display| Error::Check(format!("{}: {why}", check.id));
            match &check.look {
                Look::Ttl { ttl } if *ttl < prober::SHORTEST || *ttl > LONGEST_TTL => {
                    return Err(of(&"its word holds for a second to a day"));
                }
                Look::Probe(probe) => {
                    prober::limits(probe).map_err(|why| of(&why))?;
                    let aim = prober::address(&probe.target, refused_ports, allowed);
                    aim.map_err(|refusal| of(&refusal))?;
                }
                Look::Ttl { .. } | Look::Said => {}
            }
        }
        let probed = |check: &Check| {
            matches!(check.look, Look::Probe(_)) && check.deregister_after.is_some()
        };
        if self.keep == Keep::Probe && !self.checks.iter().any(probed) {
            let why = "what is kept by one has to say when it is taken from the list";
            return Err(Error::Check(why.into()));
        }
        Ok(())
    }

    /// With what its checks say, of those of them that it has.
    pub(crate) fn to_row(&self, since: Timestamp, states: &[CheckState]) -> Registered {
        let mut says = Says::new();
        for state in states {
            let check = self.checks.iter().find(|one| one.id == state.check.id);
            // What somebody said is with the check itself.
            if check.is_some_and(|one| one.look != Look::Said && one.first != state.status) {
                says.insert(state.check.id.clone(), (state.status, state.since));
            }
        }
        let mut body = Vec::with_capacity(LITTLE);
        // Texts, numbers and maps of texts always have a JSON form.
        let _ = match says.is_empty() {
            true => serde_json::to_writer(&mut body, self),
            false => serde_json::to_writer(&mut body, &Row { wish: self, says }),
        };
        Registered {
            name: self.name.clone(),
            id: self.id.clone(),
            since,
            body: String::from_utf8(body).unwrap_or_default(),
        }
    }

    /// What was accepted once is held against the limits again: they may have become tighter.
    pub(crate) fn from_row(row: &Registered, allowed: &[IpNet]) -> Result<(Self, Says), Error> {
        let wrong = |error: serde_json::Error| Error::Row(error.to_string());
        let registration: Self = serde_json::from_str(&row.body).map_err(wrong)?;
        registration.check(&BTreeSet::new(), allowed)?;
        let beside: Beside = serde_json::from_str(&row.body).map_err(wrong)?;
        Ok((registration, beside.says))
    }
}

/// Nothing but the letters and signs of ASCII, as nearly always.
fn plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// It has something that is no part of a text that is shown in one line.
fn is_steering(text: &str) -> bool {
    !plain(text) && text.chars().any(steers)
}

/// It is no part of a text that is shown in one line.
fn steers(c: char) -> bool {
    c.is_control() || model::text::steers(c)
}

/// FNV-1a of the URL, in hex: the same for ever, and fit for a URL segment.
fn id_of(url: &str) -> String {
    let hash = url.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
