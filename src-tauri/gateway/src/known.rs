//! Names that are told to who asked for one that is not there: those of the cluster he meant, or those
//! that are spelt nearly so, or the first there are; and how many more.

use crate::table::Table;
use std::sync::Arc;

/// So many at most are told.
const TOLD: usize = 30;
/// Names that are held against what was asked for; more would keep the thread from its work.
pub(crate) const COMPARED: usize = 500;

/// A name that is not there. What may have been meant is looked for when that is told, once: many wait for
/// a name, and look for it whenever another has come.
pub(crate) struct Missing {
    table: Arc<Table>,
    /// Without `.localhost`.
    asked: String,
}

/// Names that there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// What may have been meant, in a sentence.
    pub(crate) help: String,
    /// Hosts with the gateway's port, as they are put behind `http://`.
    pub(crate) hosts: Vec<String>,
    /// How many are not told.
    pub(crate) more: usize,
}

/// What there is to choose from: at most [`COMPARED`] hosts of each kind, with `.localhost` and without a port.
pub(crate) struct Choice<'a> {
    /// Those of the cluster that was asked for.
    pub(crate) of_cluster: Vec<&'a str>,
    /// Others, where there are none of it.
    pub(crate) others: Vec<&'a str>,
    /// All there are, also those that are in neither.
    pub(crate) count: usize,
}

impl Missing {
    pub(crate) fn new(table: &Arc<Table>, asked: String) -> Self {
        let table = Arc::clone(table);
        Self { table, asked }
    }

    /// Names that there are now.
    pub(crate) fn known(&self) -> Known {
        self.table.known(&self.asked)
    }
}

/// What to tell who asked for `asked`, a name without `.localhost`.
pub(crate) fn known(asked: &str, choice: &Choice<'_>, port: u16) -> Known {
    let (help, told) = chosen(asked, choice);
    Known {
        help,
        more: choice.count.saturating_sub(told.len()),
        hosts: told.iter().map(|host| format!("{host}:{port}")).collect(),
    }
}

/// The cluster that is asked for by a name.
pub(crate) fn cluster_of(asked: &str) -> Option<&str> {
    asked.split_once('.').map(|(_, cluster)| cluster)
}

fn chosen<'a>(asked: &str, choice: &Choice<'a>) -> (String, Vec<&'a str>) {
    if choice.count == 0 {
        let help = "Nothing is registered. `azora up` brings a cluster up, and its services are here by name.";
        return (help.to_owned(), Vec::new());
    }
    if let Some(cluster) = cluster_of(asked)
        && !choice.of_cluster.is_empty()
    {
        let mut all = choice.of_cluster.clone();
        // The nearest first; those that are no nearer than others stay in order.
        all.sort_by_cached_key(|host| distance(asked, host));
        all.truncate(TOLD);
        return (format!("These are in {cluster}."), all);
    }
    let slips = (asked.chars().count() / 3).max(1);
    let others = choice.others.iter();
    let mut near: Vec<_> = others
        .filter(|host| host.len().abs_diff(asked.len() + ".localhost".len()) <= slips)
        .map(|host| (distance(asked, host), *host))
        .filter(|(distance, _)| *distance <= slips)
        .collect();
    near.sort();
    let near: Vec<_> = near.into_iter().map(|(_, host)| host).take(TOLD).collect();
    match near.as_slice() {
        [] => {
            let first = choice.others.iter().copied().take(TOLD).collect();
            ("These are here.".to_owned(), first)
        }
        [_] => ("Did you mean this?".to_owned(), near),
        _ => ("Did you mean one of these?".to_owned(), near),
    }
}

fn distance(asked: &str, host: &str) -> usize {
    // Longer ones are no slips, and would take long to compare.
    if asked.len().max(host.len()) > 300 {
        return usize::MAX;
    }
    let bare = host.strip_suffix(".localhost").unwrap_or(host);
    strsim::damerau_levenshtein(asked, bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: [&str; 3] = ["api.shop.localhost", "web.shop.localhost", "mail.localhost"];

    fn told(asked: &str, of_cluster: &[&str], others: &[&str]) -> (String, Vec<String>, usize) {
        let choice = Choice {
            of_cluster: of_cluster.to_vec(),
            others: others.to_vec(),
            count: of_cluster.len() + others.len(),
        };
        let known = known(asked, &choice, 7_422);
        (known.help, known.hosts, known.more)
    }

    #[test]
    fn those_of_the_cluster_that_was_meant_come_before_others() {
        let (help, hosts, more) = told("wob.shop", &HOSTS[..2], &HOSTS[2..]);
        assert_eq!(help, "These are in shop.");
        assert_eq!(
            hosts,
            ["web.shop.localhost:7422", "api.shop.localhost:7422"]
        );
        assert_eq!(more, 1);
    }

    #[test]
    fn of_a_large_cluster_the_nearest_are_told() {
        let mut names: Vec<_> = (0..40).map(|n| format!("n{n:02}.shop.localhost")).collect();
        names.push("zookeeper.shop.localhost".to_owned());
        let hosts: Vec<_> = names.iter().map(String::as_str).collect();
        let (_, hosts, more) = told("zookeepr.shop", &hosts, &[]);
        assert_eq!(hosts[0], "zookeeper.shop.localhost:7422");
        assert_eq!((hosts.len(), more), (TOLD, 41 - TOLD));
    }

    #[test]
    fn a_slip_of_the_pen_leads_to_the_nearest_name() {
        let (help, hosts, more) = told("mial", &[], &HOSTS);
        assert_eq!(
            (help.as_str(), hosts, more),
            (
                "Did you mean this?",
                vec!["mail.localhost:7422".to_owned()],
                2
            )
        );
        let (help, hosts, _) = told("web.shpo", &[], &HOSTS);
        assert_eq!(help, "Did you mean this?");
        assert_eq!(hosts, ["web.shop.localhost:7422"]);
        let (help, hosts, more) = told("nothing-like-it", &[], &HOSTS);
        assert_eq!(
            (help.as_str(), hosts.len(), more),
            ("These are here.", 3, 0)
        );
    }

    #[test]
    fn of_many_the_first_are_told_and_how_many_more_there_are() {
        let names: Vec<_> = (0..100).map(|n| format!("n{n:05}.localhost")).collect();
        let hosts: Vec<_> = names.iter().map(String::as_str).collect();
        let (_, hosts, more) = told("elsewhere.else", &[], &hosts);
        assert_eq!((hosts.len(), more), (TOLD, 100 - TOLD));
        assert!(told("x", &[], &[]).0.contains("`azora up`"));
    }
}
