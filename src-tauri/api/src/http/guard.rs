//! Who may ask at all. Pure: looks at a request's head and says no, or lets it pass.
//!
//! A browser lets any page send requests to loopback, and a name anyone owns can be made to
//! resolve to 127.0.0.1. So: the host named must be exactly ours (against rebinding), an origin
//! must be absent or ours, and a browser that says the request comes from another site, by
//! `Sec-Fetch-Site` or `Referer`, is believed (against pages elsewhere). Who holds the other end of
//! a connection is looked at before its first request, in `server.rs`.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use engine::peer::Stranger;

/// Why a request was turned away at the gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The connection is another user's, or nobody's.
    #[error("{0}; this address serves the user who runs Azora, and root")]
    Stranger(Stranger),
    /// `Host`, or the target's authority, is not exactly one of ours.
    #[error("this address answers only as 127.0.0.1 or localhost with its own port")]
    Host,
    /// A page from elsewhere.
    #[error("requests from other origins are refused")]
    Origin,
    /// The browser says that another site caused it.
    #[error("requests caused by other sites are refused")]
    Site,
    /// `/api` without this start's token, and without one of an agent that may act.
    #[error(
        "the token is missing or not this engine's; open the UI with the address `azora open` prints"
    )]
    Token,
    /// A body that is not said to be JSON.
    #[error("the body must be sent as Content-Type: application/json")]
    NotJson,
}

impl Refusal {
    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::Stranger(_) | Refusal::Host | Refusal::Origin | Refusal::Site => {
                StatusCode::FORBIDDEN
            }
            Refusal::Token => StatusCode::UNAUTHORIZED,
            Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

/// The gate of one listening port.
#[derive(Debug, Clone)]
pub struct Guard {
    hosts: Vec<String>,
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    /// The gate of 127.0.0.1:`port`.
    pub fn new(port: u16) -> Self {
        let mut hosts = vec![format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        if port == 80 {
            // Browsers leave the usual port out.
            hosts.extend(["127.0.0.1".to_owned(), "localhost".to_owned()]);
        }
        Self { hosts }
    }

    fn ours(&self, host: &str) -> bool {
        self.hosts.iter().any(|ours| ours == host)
    }

    /// Holds for every route, the UI's files among them.
    pub fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        let host = only(&head.headers, header::HOST)
            .ok()
            .flatten()
            .ok_or(Refusal::Host)?;
        if !self.ours(host) {
            return Err(Refusal::Host);
        }
        if head
            .uri
            .authority()
            .is_some_and(|target| target.as_str() != host)
        {
            return Err(Refusal::Host);
        }
        match only(&head.headers, header::ORIGIN) {
            Ok(None) => {}
            Ok(Some(origin)) if origin.strip_prefix("http://") == Some(host) => {}
            _ => return Err(Refusal::Origin),
        }
        // A person may follow a link to the page from anywhere; the rest is for the page alone.
        if !head.uri.path().starts_with("/api") {
            return Ok(());
        }
        match only(&head.headers, FETCH_SITE) {
            // A browser that knows more words one day means none of ours by them.
            Ok(None | Some("same-origin" | "none")) => {}
            _ => return Err(Refusal::Site),
        }
        match only(&head.headers, header::REFERER) {
            Ok(None) => Ok(()),
            Ok(Some(page)) if is_of(page, host) => Ok(()),
            _ => Err(Refusal::Site),
        }
    }

    /// Holds for requests with a body: only what a page elsewhere cannot send without asking first.
    pub fn is_json(head: &Parts) -> Result<(), Refusal> {
        let kind = only(&head.headers, header::CONTENT_TYPE)
            .ok()
            .flatten()
            .unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        match essence.eq_ignore_ascii_case("application/json") {
            true => Ok(()),
            false => Err(Refusal::NotJson),
        }
    }
}

/// Whether this is the address of a page of `host`. Our own page sends none (`Referrer-Policy`).
fn is_of(page: &str, host: &str) -> bool {
    let rest = page
        .strip_prefix("http://")
        .and_then(|page| page.strip_prefix(host));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The one value of a header: `Err` when it is there twice or is not text.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// The bearer token a request carries.
pub(crate) fn bearer(head: &Parts) -> Option<&str> {
    only(&head.headers, header::AUTHORIZATION)
        .ok()
        .flatten()?
        .strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn admit(uri: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        Guard::new(4711).admit(&head(uri, headers))
    }

    #[test]
    fn our_two_names_pass_with_and_without_our_own_origin() {
        for host in ["127.0.0.1:4711", "localhost:4711"] {
            let origin = format!("http://{host}");
            assert_eq!(admit("/", &[("host", host)]), Ok(()));
            assert_eq!(
                admit("/api/call/ps", &[("host", host), ("origin", &origin)]),
                Ok(())
            );
            assert_eq!(admit(&format!("http://{host}/"), &[("host", host)]), Ok(()));
        }
    }

    #[test]
    fn an_origin_has_to_be_the_one_the_request_goes_to() {
        let origins = [
            "null",
            "",
            "http://evil.example",
            "https://127.0.0.1:4711",
            "http://127.0.0.1",
            "http://127.0.0.1:4712",
            "http://localhost:4711",
            "http://127.0.0.1:4711/",
            "HTTP://127.0.0.1:4711",
            "file://",
            "tauri://localhost",
        ];
        for origin in origins {
            let refused = admit(
                "/api/call/ps",
                &[("host", "127.0.0.1:4711"), ("origin", origin)],
            );
            assert_eq!(refused, Err(Refusal::Origin), "{origin}");
        }
        let twice = [
            ("host", "127.0.0.1:4711"),
            ("origin", "http://127.0.0.1:4711"),
            ("origin", "null"),
        ];
        assert_eq!(admit("/", &twice), Err(Refusal::Origin));
    }

    #[test]
    fn other_sites_may_link_to_the_page_but_not_touch_the_api() {
        let from = |site| [("host", "localhost:4711"), ("sec-fetch-site", site)];
        for site in ["cross-site", "same-site", "Cross-Site", "no-site-yet", ""] {
            assert_eq!(admit("/api/call/ps", &from(site)), Err(Refusal::Site));
            assert_eq!(admit("/", &from(site)), Ok(()));
        }
        for site in ["none", "same-origin"] {
            assert_eq!(admit("/api/call/ps", &from(site)), Ok(()));
        }
    }

    #[test]
    fn a_page_that_says_where_it_is_has_to_be_ours() {
        let from = |page| [("host", "localhost:4711"), ("referer", page)];
        for page in [
            "http://evil.example/",
            "http://localhost:4711.evil.example/",
            "http://localhost:4711@evil.example/",
            "http://localhost:47110/",
            "http://127.0.0.1:4711/",
            "https://localhost:4711/",
            "http://evil.example/http://localhost:4711/",
            "localhost:4711",
            "about:blank",
            "",
        ] {
            assert_eq!(
                admit("/api/call/ps", &from(page)),
                Err(Refusal::Site),
                "{page}"
            );
            assert_eq!(admit("/", &from(page)), Ok(()), "a link: {page}");
        }
        for page in ["http://localhost:4711", "http://localhost:4711/topology?x"] {
            assert_eq!(admit("/api/call/ps", &from(page)), Ok(()), "{page}");
        }
    }

    #[test]
    fn only_json_is_json() {
        let kind = |value| Guard::is_json(&head("/", &[("content-type", value)]));
        assert_eq!(kind("application/json"), Ok(()));
        assert_eq!(kind("Application/JSON; charset=utf-8"), Ok(()));
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonx",
            "",
        ] {
            assert_eq!(kind(other), Err(Refusal::NotJson), "{other}");
        }
        assert_eq!(Guard::is_json(&head("/", &[])), Err(Refusal::NotJson));
    }
}
