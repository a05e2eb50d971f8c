//! Which requests are let in: by the host they are for, and by the page they come from.
//!
//! A name that points to this machine today (DNS rebinding) gives itself away by `Host`; a page of
//! another site by `Origin` or `Sec-Fetch-Site`. Pages of this machine may ask: they are the services.

use crate::answer::Refusal;
use crate::known::Missing;
use crate::route::Route;
use crate::table::Table;
use hyper::header::{HOST, HeaderName, HeaderValue, ORIGIN, REFERER};
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, StatusCode, Uri, Version};
use std::sync::Arc;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(crate) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
pub(crate) const SEC_FETCH_USER: HeaderName = HeaderName::from_static("sec-fetch-user");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The host a request is for, as it is said.
pub(crate) fn host(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<HeaderValue, Refusal> {
    let mut all = headers.get_all(HOST).iter();
    let said = all.next();
    if all.next().is_some() {
        return Err(malformed("it has more than one Host header"));
    }
    let authority = uri.authority();
    match (said, authority) {
        (Some(said), Some(authority))
            if !(said.as_bytes()).eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Err(malformed(
                "its target names another host than its Host header",
            ))
        }
        (Some(said), _) => Ok(said.clone()),
        (None, Some(authority)) if version == Version::HTTP_2 => {
            HeaderValue::from_str(authority.as_str()).map_err(|_| malformed("its host is no host"))
        }
        (None, _) => Err(malformed("it has no Host header")),
    }
}

/// What a host means.
pub(crate) enum Means {
    /// A name below `.localhost`, without that.
    Name(String),
    /// This machine: the path says which service.
    Machine,
}

/// What a host means, or that it is none of ours.
pub(crate) fn meaning(host: &HeaderValue) -> Option<Means> {
    let text = host.to_str().ok()?;
    // An IPv6 address is in brackets, so that the colons in it are none.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+')) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    // A name that is whole, as resolvers write it, is the same name.
    let name = match name.strip_suffix('.') {
        Some(whole) if whole.ends_with("localhost") => whole.to_owned(),
        _ => name,
    };
    if ["127.0.0.1", "localhost", "[::1]"].contains(&name.as_str()) {
        return Some(Means::Machine);
    }
    let bare = name.strip_suffix(".localhost")?;
    // The grammar of names, with dots between them: anything else was never a name of ours.
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    };
    bare.split('.')
        .all(label)
        .then(|| Means::Name(bare.to_owned()))
}

/// The route a request is for; and what is taken off its path, if that said so.
pub(crate) fn route(
    table: &Arc<Table>,
    host: &HeaderValue,
    uri: &Uri,
) -> Result<(Arc<Route>, Option<String>), Refusal> {
    match meaning(host) {
        Some(Means::Name(bare)) => match table.by_host(&bare) {
            Some(route) => Ok((route, None)),
            None => {
                let name = format!("{bare}.localhost");
                Err(Refusal::unknown(&name, Missing::new(table, bare)))
            }
        },
        Some(Means::Machine) => {
            let path = uri.path();
            let mut parts = path.split('/').skip(1);
            let (first, second) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            let service = table.by_host(&format!("{second}.{first}"));
            let found = match service {
                Some(route) => Some((route, format!("/{first}/{second}"))),
                None => {
                    let named = table.by_host(first);
                    named.map(|route| (route, format!("/{first}")))
                }
            };
            match found {
                Some((route, prefix)) => Ok((route, Some(prefix))),
                None => {
                    let meant = match second {
                        "" => first.to_owned(),
                        _ => format!("{second}.{first}"),
                    };
                    Err(Refusal::unknown(path, Missing::new(table, meant)))
                }
            }
        }
        None => Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "the gateway serves no such host",
            "Ask for a name like api.shop.localhost, or for 127.0.0.1 with a path like /shop/api/.",
        )),
    }
}

/// Where who asked for a prefix alone is sent: of a page without a slash at its end, each relative link would
/// lead to another service.
pub(crate) fn slashed(prefix: &str, uri: &Uri) -> Option<String> {
    (uri.path() == prefix).then(|| match uri.query() {
        Some(query) => format!("{prefix}/?{query}"),
        None => format!("{prefix}/"),
    })
}

/// The rest of a target without its prefix; always begins with a slash.
pub(crate) fn without(prefix: &str, uri: &Uri) -> Option<Uri> {
    let whole = uri.path_and_query()?.as_str();
    let rest = whole.strip_prefix(prefix)?;
    let rest = match rest.as_bytes().first() {
        Some(b'/') => rest.to_owned(),
        _ => format!("/{rest}"),
    };
    let path = PathAndQuery::try_from(rest).ok()?;
    Some(Uri::from(path))
}

/// May the page that this comes from ask?
pub(crate) fn origin(
    method: &Method,
    headers: &HeaderMap,
    allowed: &[String],
) -> Result<(), Refusal> {
    let mut origins = headers.get_all(ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let known = |origin: &HeaderValue| {
            let text = origin.to_str().unwrap_or_default();
            is_here(text) || allowed.iter().any(|one| one == "*" || one == text)
        };
        if !known(origin) || origins.next().is_some() {
            return Err(stranger());
        }
        // An origin that may ask may do so across sites.
        return Ok(());
    }
    let is = |name: &HeaderName, value: &str| {
        headers
            .get(name)
            .is_some_and(|said| said.as_bytes() == value.as_bytes())
    };
    let every = || allowed.iter().any(|one| one == "*");
    if !headers.contains_key(SEC_FETCH_SITE) {
        // Browsers that say neither are old, and say at least whence a form was sent. A link has it, too: what
        // only reads is let through.
        let reads = method == Method::GET || method == Method::HEAD;
        let from = |page: &HeaderValue| {
            let page = page.to_str().unwrap_or_default();
            is_here(origin_of(page)) || allowed.iter().any(|one| one == origin_of(page))
        };
        let ours = reads || headers.get_all(REFERER).iter().all(from);
        return match ours || every() {
            true => Ok(()),
            false => Err(stranger()),
        };
    }
    // A browser that knows more words one day means none of this machine by them.
    let here = |site: &HeaderValue| {
        [&b"same-origin"[..], b"same-site", b"none"].contains(&site.as_bytes())
    };
    let elsewhere = !headers.get_all(SEC_FETCH_SITE).iter().all(here);
    // A person who follows a link comes from another site, too, and sees what that leads to.
    let link = is(&SEC_FETCH_MODE, "navigate")
        && (is(&SEC_FETCH_DEST, "document") || !headers.contains_key(SEC_FETCH_DEST))
        && (method == Method::GET || method == Method::HEAD);
    match elsewhere && !link && !every() {
        true => Err(stranger()),
        false => Ok(()),
    }
}

/// It is an origin of this machine: a loopback address, `localhost` or a name below it.
fn is_here(origin: &str) -> bool {
    let Some((_, host)) = origin.split_once("://") else {
        return false;
    };
    if host.contains(['/', '@', '?', '#']) {
        return false;
    }
    let name = match host.rsplit_once(':') {
        // What is no port is the rest of a name of elsewhere.
        Some((_, port)) if !port.contains(']') && !port.bytes().all(|b| b.is_ascii_digit()) => {
            return false;
        }
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let loopback = name.parse::<std::net::Ipv4Addr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || name == "[::1]"
        || loopback.is_ok_and(|ip| ip.is_loopback())
}

/// The part of a page's address that is its origin.
fn origin_of(page: &str) -> &str {
    let Some(at) = page.find("://").map(|at| at + 3) else {
        return page;
    };
    let end = page[at..].find(['/', '?', '#']).map(|end| at + end);
    &page[..end.unwrap_or(page.len())]
}

fn stranger() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "a page of another site asked",
        "Only pages of this machine may ask its services; a service can allow others by \
         `allow_origins` in its definition.",
    )
}

pub(crate) fn malformed(what: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        &format!("the request is not understood: {what}"),
        "Send one request that can be read in one way only.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> Option<String> {
        match meaning(&HeaderValue::from_str(host).unwrap())? {
            Means::Name(name) => Some(name),
            Means::Machine => Some("/".into()),
        }
    }

    #[test]
    fn hosts_are_this_machine_or_names_below_localhost() {
        for (host, name) in [
            ("api.shop.localhost:7422", "api.shop"),
            ("API.shop.localhost", "api.shop"),
            ("mail.localhost", "mail"),
            ("api.shop.localhost.", "api.shop"),
            ("api.shop.localhost.:7422", "api.shop"),
            ("localhost.", "/"),
            ("127.0.0.1:7422", "/"),
            ("localhost", "/"),
            ("[::1]:7422", "/"),
        ] {
            assert_eq!(named(host).as_deref(), Some(name), "{host}");
        }
        for host in [
            "evil.com",
            "127.0.0.1.evil.com",
            "api.shop.localhost.evil.com",
            "localhost..",
            "api.shop.localhost..",
            "api.shop..localhost",
            "127.0.0.1.",
            ".",
            ".localhost",
            ".localhost.",
            "a..localhost",
            "0.0.0.0",
            "[::]",
            "2130706433",
            "0177.0.0.1",
            "127.1",
            "0x7f.1",
            "[::ffff:127.0.0.1]",
            "169.254.169.254",
            "api.shop.localhost:",
            "api.shop.localhost:x",
            "api.shop.localhost:7422:7422",
            "user@api.shop.localhost",
            "api.shop.localhost/",
            "api shop.localhost",
            "",
        ] {
            assert_eq!(named(host), None, "{host}");
        }
    }

    #[test]
    fn a_page_of_this_machine_may_ask_and_one_from_elsewhere_may_not() {
        let ask = |method: Method, headers: &[(&str, &str)], allowed: &[&str]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<Vec<(HeaderName, HeaderValue)>>();
            let allowed: Vec<_> = allowed.iter().map(|one| (*one).to_owned()).collect();
            origin(&method, &headers.into_iter().collect(), &allowed).is_ok()
        };
        for here in [
            "http://api.shop.localhost:7422",
            "http://localhost:5173",
            "https://127.0.0.1",
            "http://[::1]:80",
            "http://api.shop.localhost.:7422",
            "tauri://localhost",
        ] {
            assert!(ask(Method::POST, &[("origin", here)], &[]), "{here}");
        }
        for there in [
            "https://evil.com",
            "null",
            "http://localhost.evil.com",
            "http://evil.com/localhost",
            "http://localhost@evil.com",
            "http://evil.com:localhost",
            "http://localhost:7422.evil.com",
            "http://127.0.0.1:evil.com",
            "http://10.0.0.1",
        ] {
            assert!(!ask(Method::POST, &[("origin", there)], &[]), "{there}");
            assert!(ask(Method::POST, &[("origin", there)], &[there]), "{there}");
        }
        let cross = ("sec-fetch-site", "cross-site");
        let (navigate, document) = (
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        );
        assert!(!ask(Method::GET, &[cross], &[]), "an image");
        assert!(
            ask(Method::GET, &[cross, navigate, document], &[]),
            "a link"
        );
        assert!(
            !ask(Method::POST, &[cross, navigate, document], &[]),
            "a form"
        );
        let frame = ("sec-fetch-dest", "iframe");
        assert!(!ask(Method::GET, &[cross, navigate, frame], &[]), "a frame");
        assert!(ask(Method::GET, &[("sec-fetch-site", "same-origin")], &[]));
        assert!(ask(Method::GET, &[], &[]), "a program");
        let garbled = [
            &[("sec-fetch-site", "Cross-Site")][..],
            &[("sec-fetch-site", "no-site-yet")],
            &[("sec-fetch-site", "none"), cross],
        ];
        for site in garbled {
            assert!(!ask(Method::GET, site, &[]), "{site:?}");
        }
        // An old browser says no more than the page.
        for (page, here) in [
            ("http://api.shop.localhost:7422/a?b", true),
            ("http://localhost:5173", true),
            ("http://evil.com/a", false),
            ("http://evil.com/http://localhost/", false),
            ("http://localhost.evil.com/", false),
            ("http://localhost@evil.com/", false),
            ("http://evil.com?http://localhost/", false),
            ("", false),
        ] {
            let said = [("referer", page)];
            assert_eq!(ask(Method::POST, &said, &[]), here, "{page}");
            assert!(ask(Method::GET, &said, &[]), "a link: {page}");
        }
        let said = [("referer", "http://evil.com/a")];
        assert!(ask(Method::POST, &said, &["http://evil.com"]));
        assert!(ask(Method::POST, &said, &["*"]));
    }

    #[test]
    fn a_prefix_is_taken_off_and_the_query_stays() {
        let rest =
            |uri: &str| without("/shop/api", &uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(rest("/shop/api/a/b?c=d").as_deref(), Some("/a/b?c=d"));
        assert_eq!(rest("/shop/api").as_deref(), Some("/"));
        assert_eq!(rest("/shop/api?c").as_deref(), Some("/?c"));
        assert_eq!(rest("/shop"), None);
        let slashed = |uri: &str| slashed("/shop/api", &uri.parse().unwrap());
        assert_eq!(slashed("/shop/api").as_deref(), Some("/shop/api/"));
        assert_eq!(
            slashed("/shop/api?c=/d").as_deref(),
            Some("/shop/api/?c=/d")
        );
        assert_eq!(slashed("/shop/api/"), None);
        assert_eq!(slashed("/shop/api/a"), None);
    }
}
