//! Links of the scheme `azora`: which place in the window one names. Anybody can make one (a page, a
//! chat, a report), so a link leads somewhere and does nothing, and what is not exactly one is refused.
//!
//! ```text
//! azora://incidents                        all incidents
//! azora://incident/42                      one of them
//! azora://cluster/shop-1a2b3c4d            a cluster's topology
//! azora://cluster/shop-1a2b3c4d/service/db a service of it
//! ```

use crate::window::Place;
use api::model::{ClusterId, IncidentId, NameError, ServiceName};

/// Longest link, in bytes: two names of 63 and the words between them are not half of it.
const LONGEST: usize = 512;
const SCHEME: &str = "azora:";

/// Why a link leads nowhere. None of it repeats the link: that is somebody else's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// It is too long.
    #[error("the link has {0} bytes; one that Azora understands has at most {LONGEST}")]
    TooLong(usize),
    /// It names no place.
    #[error(
        "the link names no place in Azora; there are azora://incidents, azora://incident/NUMBER, \
         azora://cluster/ID and azora://cluster/ID/service/NAME"
    )]
    NoPlace,
    /// The number of an incident is none.
    #[error("the link's incident is not a number from 1 up")]
    Incident,
    /// The cluster's id cannot be one.
    #[error("the link's cluster cannot be one: {0}")]
    Cluster(#[source] NameError),
    /// The service's name cannot be one.
    #[error("the link's service cannot be one: {0}")]
    Service(#[source] NameError),
}

/// True for what means to be such a link, whether it is one or not.
pub(crate) fn is_link(text: &str) -> bool {
    let scheme = text.as_bytes().get(..SCHEME.len());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME.as_bytes()))
}

/// The place that a link names.
pub(crate) fn parse(link: &str) -> Result<Place, LinkError> {
    if link.len() > LONGEST {
        return Err(LinkError::TooLong(link.len()));
    }
    let path = match link.split_once(':') {
        Some((_, rest)) if is_link(link) => rest.strip_prefix("//").unwrap_or(rest),
        _ => return Err(LinkError::NoPlace),
    };
    // Some programs write a slash behind what they take for a host. Names and numbers have no
    // character that a link escapes, so there is nothing to decode.
    let path = path.strip_suffix('/').unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["incidents"] => Ok(Place::Incidents),
        ["incident", number] => Ok(Place::Incident(None, incident(number)?)),
        ["cluster", id] => Ok(Place::Cluster(cluster(id)?)),
        ["cluster", id, "service", name] => {
            let service: ServiceName = name.parse().map_err(LinkError::Service)?;
            Ok(Place::Service(cluster(id)?, service))
        }
        _ => Err(LinkError::NoPlace),
    }
}

fn incident(number: &str) -> Result<IncidentId, LinkError> {
    // Rust's own reading takes a plus sign.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(number) if digits && number > 0 => Ok(IncidentId(number)),
        _ => Err(LinkError::Incident),
    }
}

fn cluster(id: &str) -> Result<ClusterId, LinkError> {
    id.parse().map_err(LinkError::Cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_a_place() {
        let shop: ClusterId = "shop-1a2b3c4d".parse().unwrap();
        for (link, place) in [
            ("azora://incidents", Place::Incidents),
            ("azora://incident/42", Place::Incident(None, IncidentId(42))),
            (
                "AZORA://incident/42/",
                Place::Incident(None, IncidentId(42)),
            ),
            ("azora:incident/7", Place::Incident(None, IncidentId(7))),
            (
                "azora://cluster/shop-1a2b3c4d",
                Place::Cluster(shop.clone()),
            ),
            (
                "azora://cluster/shop-1a2b3c4d/service/db",
                Place::Service(shop, "db".parse().unwrap()),
            ),
        ] {
            assert_eq!(parse(link), Ok(place), "{link}");
        }
    }

    #[test]
    fn what_is_not_exactly_one_is_refused() {
        use LinkError::*;
        for (link, error) in [
            ("azora://", NoPlace),
            ("azora://emergency", NoPlace),
            ("azora://incident", NoPlace),
            ("azora://incident/", NoPlace),
            ("azora://incident/0", Incident),
            ("azora://incident/-1", Incident),
            ("azora://incident/+1", Incident),
            ("azora://incident/1e3", Incident),
            ("azora://incident/99999999999999999999", Incident),
            ("azora://incident/1?x", Incident),
            ("azora://incident/1/2", NoPlace),
            ("azora://cluster/", NoPlace),
            ("azora://cluster//service/db", Cluster(NameError::Empty)),
            ("azora://cluster/a%2Fb", Cluster(NameError::Character('%'))),
            (
                "azora://cluster/shop-1/service/'; alert(1)",
                Service(NameError::Character('\'')),
            ),
            ("azora://cluster/shop-1/service/db/stop", NoPlace),
            ("azora://up/home/ada/shop", NoPlace),
            ("https://example.com/azora://incidents", NoPlace),
        ] {
            assert_eq!(parse(link), Err(error), "{link}");
        }
        let long = format!("azora://incident/{}", "1".repeat(LONGEST));
        assert_eq!(parse(&long), Err(TooLong(long.len())));
    }

    #[test]
    fn a_folder_is_no_link() {
        assert!(is_link("azora://incidents") && is_link("Azora:x"));
        for folder in ["azora", "/srv/azora:1", "./azora:1", "azorä:x", ""] {
            assert!(!is_link(folder), "{folder}");
        }
    }
}
