//! Names that are told to who asked for one that is not there: those of the cluster he meant, or those
//! that are spelt nearly so, or the first there are; and how many more.

/// So many at most are told.
const TOLD: usize = 30;
/// Names that are held against what was asked for; more would keep the thread from its work.
const COMPARED: usize = 2_000;

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

/// What to tell who asked for `asked`, a name without `.localhost`. `hosts`: all there are, in order, with
/// `.localhost` and without a port.
pub(crate) fn known(asked: &str, hosts: &[&str], port: u16) -> Known {
    let (help, told) = chosen(asked, hosts);
    Known {
        help,
        more: hosts.len() - told.len(),
        hosts: told.iter().map(|host| format!("{host}:{port}")).collect(),
    }
}

fn chosen<'a>(asked: &str, hosts: &[&'a str]) -> (String, Vec<&'a str>) {
    if hosts.is_empty() {
        let help = "Nothing is registered. `azora up` brings a cluster up, and its services are here by name.";
        return (help.to_owned(), Vec::new());
    }
    if let Some((_, cluster)) = asked.split_once('.') {
        let of = format!(".{cluster}.localhost");
        let all = hosts.iter().filter(|host| host.ends_with(&of));
        let mut all: Vec<_> = all.copied().take(TOLD).collect();
        if !all.is_empty() {
            // The nearest first; those that are no nearer than others stay in order.
            all.sort_by_cached_key(|host| distance(asked, host));
            return (format!("These are in {cluster}."), all);
        }
    }
    let slips = (asked.chars().count() / 3).max(1);
    let compared = hosts.iter().take(COMPARED);
    let mut near: Vec<_> = compared
        .filter(|host| host.len().abs_diff(asked.len() + ".localhost".len()) <= slips)
        .map(|host| (distance(asked, host), *host))
        .filter(|(distance, _)| *distance <= slips)
        .collect();
    near.sort();
    let near: Vec<_> = near.into_iter().map(|(_, host)| host).take(TOLD).collect();
    match near.as_slice() {
        [] => {
            let first = hosts.iter().copied().take(TOLD).collect();
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

    const HOSTS: [&str; 5] = [
        "mail.localhost",
        "mailhog.localhost",
        "api.shop.localhost",
        "web.shop.localhost",
        "web.wiki.localhost",
    ];

    fn told(asked: &str) -> (String, Vec<String>, usize) {
        let known = known(asked, &HOSTS, 7_422);
        (known.help, known.hosts, known.more)
    }

    #[test]
    fn those_of_the_cluster_that_was_meant_come_before_others() {
        let (help, hosts, more) = told("wob.shop");
        assert_eq!(help, "These are in shop.");
        assert_eq!(
            hosts,
            ["web.shop.localhost:7422", "api.shop.localhost:7422"]
        );
        assert_eq!(more, 3);
    }

    #[test]
    fn a_slip_of_the_pen_leads_to_the_nearest_name() {
        let (help, hosts, more) = told("mial");
        assert_eq!(
            (help.as_str(), hosts, more),
            (
                "Did you mean this?",
                vec!["mail.localhost:7422".to_owned()],
                4
            )
        );
        let (help, hosts, _) = told("web.shpo");
        assert_eq!(help, "Did you mean this?");
        assert_eq!(hosts, ["web.shop.localhost:7422"]);
        let (help, hosts, more) = told("nothing-like-it");
        assert_eq!(
            (help.as_str(), hosts.len(), more),
            ("These are here.", 5, 0)
        );
    }

    #[test]
    fn of_many_the_first_are_told_and_how_many_more_there_are() {
        let names: Vec<_> = (0..10_000).map(|n| format!("n{n:05}.localhost")).collect();
        let hosts: Vec<_> = names.iter().map(String::as_str).collect();
        let told = known("elsewhere.else", &hosts, 7_422);
        assert_eq!((told.hosts.len(), told.more), (TOLD, 10_000 - TOLD));
        assert!(known("x", &[], 7_422).help.contains("`azora up`"));
    }
}
