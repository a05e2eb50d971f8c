//! `needs`: what has to be there before a service is started, and how far.

use super::keys::NEED;
use super::{Draft, Reader};
use crate::cluster::Need;
use crate::document::{Table, Value, ValueKind};
use crate::ends::Kind;
use crate::limits::MAX_NEEDS;
use crate::problem::{Problem, Span, quoted};
use model::{ServiceName, Until};
use std::collections::BTreeMap;

const FORM: &str = "write \"db\" or { service = \"db\", until = \"started\" }";

/// Where a need stands.
pub(crate) struct Place {
    /// The other's name.
    pub(crate) name: Span,
    /// How far it has to be, where that is said.
    until: Option<Span>,
}

impl Reader<'_> {
    pub(super) fn needs(&mut self, own: &ServiceName, table: &Table) -> (Vec<Need>, Vec<Place>) {
        let (mut needs, mut places): (Vec<Need>, Vec<Place>) = (Vec::new(), Vec::new());
        let Some(entry) = table.get("needs") else {
            return (needs, places);
        };
        let Some(items) = self.list(&entry.value, "`needs`", MAX_NEEDS, "needs = [\"db\"]") else {
            return (needs, places);
        };
        let mut seen: BTreeMap<ServiceName, Span> = BTreeMap::new();
        for item in items {
            let Some((need, place)) = self.need(item) else {
                continue;
            };
            if need.service == *own {
                self.refuse(
                    &place.name,
                    format!("`{own}` needs itself"),
                    "its own name",
                    "remove it: a service is never waited for by itself",
                );
            } else if let Some(first) = seen.get(&need.service) {
                self.problems.add(|| {
                    Problem::new(
                        place.name.clone(),
                        format!("`{own}` needs `{}` twice", need.service),
                        "again here",
                    )
                    .and(first.clone(), "first here")
                    .help("keep one of the two")
                });
            } else {
                seen.insert(need.service.clone(), place.name.clone());
                needs.push(need);
                places.push(place);
            }
        }
        (needs, places)
    }

    fn need(&mut self, item: &Value) -> Option<(Need, Place)> {
        let empty = Table::default();
        let (name, table) = match &item.kind {
            ValueKind::Text(_) => (item, &empty),
            ValueKind::Table(table) => {
                self.known_keys(table, &NEED);
                let Some(service) = table.get("service") else {
                    self.refuse(
                        &item.span,
                        "an entry of `needs` names no service".into(),
                        "no `service` in here",
                        FORM,
                    );
                    return None;
                };
                (&service.value, table)
            }
            _ => {
                self.wrong(
                    "an entry of `needs`",
                    item,
                    "a service's name or a table",
                    FORM,
                );
                return None;
            }
        };
        let mut flag = |key| {
            let entry = table.get(key)?;
            self.flag(&entry.value, &format!("`{key}`"))
        };
        let (restart, required) = (flag("restart"), flag("required"));
        let words = Until::ALL.map(|until| (until.as_str(), until));
        let entry = table.get("until");
        let until = entry.and_then(|entry| self.word(&entry.value, "`until`", &words));
        let text = self.text(name, "`service`", "\"db\"")?;
        if self.misnamed.contains(text) {
            return None;
        }
        let service = self.name::<ServiceName>(text, &name.span, "service")?;
        let need = Need {
            service,
            restart: restart.unwrap_or(false),
            until: until.unwrap_or_default(),
            required: required.unwrap_or(true),
        };
        let place = Place {
            name: name.span.clone(),
            until: entry.map(|entry| entry.value.span.clone()),
        };
        Some((need, place))
    }

    /// Refuses needs of what is not there, and of what never comes so far.
    pub(super) fn check_needs(&mut self, drafts: &BTreeMap<ServiceName, Draft>) {
        for draft in drafts.values() {
            for (need, place) in draft.service.needs.iter().zip(&draft.needs) {
                match drafts.get(&need.service) {
                    Some(other) if other.service.schedule.is_some() => {
                        self.never_there(&place.name, need.service.as_str(), other);
                    }
                    Some(other) => self.comes_so_far(need, place, other),
                    None if need.required => {
                        let otherwise = format!(
                            "add [service.{}], or remove it from `needs`, or say that it need not be there: \
                             {{ service = {}, required = false }}",
                            need.service,
                            quoted(need.service.as_str())
                        );
                        let name = need.service.as_str();
                        self.unknown_service(name, &place.name, drafts, &otherwise);
                    }
                    None => {}
                }
            }
        }
    }

    /// A daemon's end is a fault, after which it is started again, or need not ever come: who waited for that would
    /// wait for ever.
    fn comes_so_far(&mut self, need: &Need, place: &Place, other: &Draft) {
        if other.service.kind != Kind::Daemon
            || !matches!(need.until, Until::Ended | Until::Succeeded)
        {
            return;
        }
        let (name, until) = (&need.service, need.until);
        let span = place.until.clone().unwrap_or_else(|| place.name.clone());
        let says = match other.service.may_end() {
            true => format!(
                "`{name}` is a daemon, which may end and need not: it may never come to be {until}"
            ),
            false => format!(
                "`{name}` is a daemon and runs until it is stopped: it never comes to be {until}"
            ),
        };
        self.problems.add(|| {
            Problem::new(span, says, "waited for in vain")
                .and(other.name.clone(), "a daemon")
                .help(format!(
                    "if `{name}` ends by itself, let it be one that does: kind = \"oneshot\"; if not, wait until it is \
                     \"started\" or \"ready\""
                ))
        });
    }
}
