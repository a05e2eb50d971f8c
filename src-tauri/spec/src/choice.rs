//! Which services of a cluster are to be brought up: all of them, or a part with what it needs.

use crate::cluster::{Cluster, Service};
use crate::suggest;
use model::ServiceName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a person asks for. Nothing named is everything but services of profiles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// These services, whatever their profiles.
    pub services: Vec<String>,
    /// The services of these categories.
    pub categories: Vec<String>,
    /// Services of these profiles count as those without.
    pub profiles: Vec<String>,
}

/// Something is asked for that is not there, with what may be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {name:?} in this cluster; {help}")]
pub struct NoSuch {
    what: &'static str,
    name: String,
    help: String,
}

impl Choice {
    /// Services that are not asked for, and why in words: those that are asked for, and what these need,
    /// are all others.
    ///
    /// # Errors
    /// The first name that the cluster does not have.
    pub fn left_out(&self, cluster: &Cluster) -> Result<BTreeMap<ServiceName, String>, NoSuch> {
        let services = &cluster.services;
        let names = || services.keys().map(ServiceName::as_str);
        all_known("service", &self.services, names().collect())?;
        let categories = services.values().map(|one| one.category.as_str());
        all_known("category", &self.categories, categories.collect())?;
        let profiles = services.values().flat_map(|one| &one.profiles);
        all_known(
            "profile",
            &self.profiles,
            profiles.map(String::as_str).collect(),
        )?;

        let part = !self.services.is_empty() || !self.categories.is_empty();
        let asked = |(name, service): &(&ServiceName, &Service)| {
            let named = self.services.iter().any(|one| *one == name.as_str());
            let sort = !part || self.categories.contains(&service.category);
            named || sort && self.counts(service)
        };
        let mut open: Vec<&ServiceName> = services
            .iter()
            .filter(asked)
            .map(|(name, _)| name)
            .collect();
        let mut wanted: BTreeSet<&ServiceName> = open.iter().copied().collect();
        while let Some(name) = open.pop() {
            let needs = services.get(name).map_or(&[][..], |one| &one.needs);
            for need in needs {
                let Some(other) = services.get(&need.service) else {
                    continue;
                };
                // Who can do without another does not bring up what nobody asked for.
                if (need.required || self.counts(other)) && wanted.insert(&need.service) {
                    open.push(&need.service);
                }
            }
        }
        let left = services.iter().filter(|(name, _)| !wanted.contains(name));
        let why = |service: &Service| match self.counts(service) {
            true => "not asked for".to_owned(),
            false => service.unwanted().unwrap_or_default(),
        };
        Ok(left
            .map(|(name, service)| (name.clone(), why(service)))
            .collect())
    }

    /// Asks for all that `other` asks for as well.
    pub fn also(&mut self, other: &Self) {
        let lists = [
            (&mut self.services, &other.services),
            (&mut self.categories, &other.categories),
            (&mut self.profiles, &other.profiles),
        ];
        for (own, more) in lists {
            let new: Vec<String> = more
                .iter()
                .filter(|one| !own.contains(one))
                .cloned()
                .collect();
            own.extend(new);
        }
    }

    /// It is of no profile, or of one that is asked for.
    fn counts(&self, service: &Service) -> bool {
        let profiles = &service.profiles;
        profiles.is_empty() || profiles.iter().any(|one| self.profiles.contains(one))
    }
}

impl Service {
    /// Why it does not run where nobody asks for it: `not wanted: profile debug`. `None`: it does.
    pub fn unwanted(&self) -> Option<String> {
        match &self.profiles[..] {
            [] => None,
            [one] => Some(format!("not wanted: profile {one}")),
            many => Some(format!("not wanted: profiles {}", many.join(", "))),
        }
    }
}

fn all_known(what: &'static str, asked: &[String], known: BTreeSet<&str>) -> Result<(), NoSuch> {
    let Some(name) = asked.iter().find(|name| !known.contains(name.as_str())) else {
        return Ok(());
    };
    let help = match suggest::nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None if known.is_empty() => format!("no service of it has a {what}"),
        None => format!("there is {}", suggest::list(known.iter().copied().take(20))),
    };
    Err(NoSuch {
        what,
        name: name.clone(),
        help,
    })
}
