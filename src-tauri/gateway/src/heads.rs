//! Heads of messages on their way: what belongs to one connection alone is taken out, and an instance
//! is told who asked, for what, and by which way.

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, Entry, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    TE, TRANSFER_ENCODING, UPGRADE, VIA,
};
use hyper::{Method, Version};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHORIZATION: HeaderName = HeaderName::from_static("proxy-authorization");
const PROXY_AUTHENTICATE: HeaderName = HeaderName::from_static("proxy-authenticate");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Letters an id of a client may have.
const LONGEST_ID: usize = 128;
/// Gateways that a request may have come through: more are a circle.
const MOST_VIA: usize = 16;

/// Headers that [`outgoing`] adds.
const ADDED: usize = 9;

/// Whence and how a request came.
pub(crate) struct Way<'a> {
    pub(crate) client: &'a HeaderValue,
    pub(crate) host: &'a HeaderValue,
    /// The same as `Forwarded` tells it.
    pub(crate) forwarded: &'a HeaderValue,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) version: Version,
}

/// Makes the head of a request fit for an instance. What the client says about where it came from is
/// replaced: it can say anything.
pub(crate) fn outgoing(
    headers: &mut HeaderMap,
    has: Has,
    way: &Way<'_>,
    chance: impl FnMut() -> u64,
) {
    strip_what(headers, has);
    remove(headers, has, &OURS);
    // Else it would be made larger, and all in it put in its new place, more than once.
    headers.reserve(ADDED);
    if headers.get(HOST) != Some(way.host) {
        headers.insert(HOST, way.host.clone());
    }
    headers.insert(X_FORWARDED_FOR, way.client.clone());
    headers.insert(X_FORWARDED_HOST, way.host.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(FORWARDED, way.forwarded.clone());
    let prefix = way.prefix.map(HeaderValue::from_str);
    if let Some(Ok(prefix)) = prefix {
        headers.insert(X_FORWARDED_PREFIX, prefix);
    }
    let via = match way.version {
        Version::HTTP_2 => "2.0 azora",
        Version::HTTP_10 => "1.0 azora",
        _ => "1.1 azora",
    };
    headers.append(VIA, HeaderValue::from_static(via));
    trace(headers, chance);
}

/// `traceparent` as the W3C writes it, and an id: passed on if they are what they should be, made if not.
fn trace(headers: &mut HeaderMap, mut chance: impl FnMut() -> u64) {
    let sound = headers.get_all(TRACEPARENT).iter();
    let mut sound = sound.map(|value| is_traceparent(value.as_bytes()));
    if sound.next() != Some(true) || sound.next().is_some() {
        // A state without its parent is of another trace.
        headers.remove(TRACESTATE);
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(&mut text[3..19], chance());
        hex(&mut text[19..35], chance() | 1);
        hex(&mut text[36..52], chance() | 1);
        headers.insert(TRACEPARENT, value(&text));
    }
    match headers.entry(X_REQUEST_ID) {
        Entry::Occupied(mut known) => {
            let id = known.get().as_bytes();
            let sound = (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
            if !sound || known.iter().count() > 1 {
                known.insert(id_of(chance()));
            }
        }
        Entry::Vacant(place) => {
            place.insert(id_of(chance()));
        }
    }
}

/// An id of sixteen hexadecimal digits.
pub(crate) fn id_of(chance: u64) -> HeaderValue {
    let mut text = [0; 16];
    hex(&mut text, chance);
    value(&text)
}

fn value(text: &[u8]) -> HeaderValue {
    // Digits and hyphens are fit for a header.
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text))
        .unwrap_or_else(|_| HeaderValue::from_static("0"))
}

fn hex(to: &mut [u8], mut number: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn is_traceparent(text: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        let part = &text[range];
        part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |range: std::ops::Range<usize>| text[range].iter().any(|b| *b != b'0');
    text.len() == 55
        && text[2] == b'-'
        && text[35] == b'-'
        && text[52] == b'-'
        && digits(0..2)
        && &text[..2] != b"ff"
        && digits(3..35)
        && some(3..35)
        && digits(36..52)
        && some(36..52)
        && digits(53..55)
}

/// Which of the headers that the gateway looks at a head has. Looking for each of them by its name would cost more than
/// all that is done with those that are there, which are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Has(u32);

impl Has {
    const CONNECTION: u32 = 1;
    const TE: u32 = 1 << 1;
    const TRANSFER_ENCODING: u32 = 1 << 2;
    const UPGRADE: u32 = 1 << 3;
    const KEEP_ALIVE: u32 = 1 << 4;
    const PROXY_CONNECTION: u32 = 1 << 5;
    const PROXY_AUTHENTICATE: u32 = 1 << 6;
    const EXPECT: u32 = 1 << 7;
    const HTTP2_SETTINGS: u32 = 1 << 8;
    const PROXY_AUTHORIZATION: u32 = 1 << 9;
    const X_FORWARDED_PREFIX: u32 = 1 << 10;
    const VIA: u32 = 1 << 11;
    const PAGE: u32 = 1 << 12;

    /// Those of this head.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let bit = |name: &HeaderName| match name.as_str() {
            "connection" => Self::CONNECTION,
            "te" => Self::TE,
            "transfer-encoding" => Self::TRANSFER_ENCODING,
            "upgrade" => Self::UPGRADE,
            "keep-alive" => Self::KEEP_ALIVE,
            "proxy-connection" => Self::PROXY_CONNECTION,
            "proxy-authenticate" => Self::PROXY_AUTHENTICATE,
            "expect" => Self::EXPECT,
            "http2-settings" => Self::HTTP2_SETTINGS,
            "proxy-authorization" => Self::PROXY_AUTHORIZATION,
            "x-forwarded-prefix" => Self::X_FORWARDED_PREFIX,
            "via" => Self::VIA,
            "origin" | "sec-fetch-site" => Self::PAGE,
            _ => 0,
        };
        Self(headers.keys().fold(0, |all, name| all | bit(name)))
    }

    fn any(self, of: u32) -> bool {
        self.0 & of != 0
    }

    pub(crate) fn te(self) -> bool {
        self.any(Self::TE)
    }

    pub(crate) fn transfer_encoding(self) -> bool {
        self.any(Self::TRANSFER_ENCODING)
    }

    pub(crate) fn upgrade(self) -> bool {
        self.any(Self::UPGRADE)
    }

    pub(crate) fn via(self) -> bool {
        self.any(Self::VIA)
    }

    /// What tells by which page it was sent.
    pub(crate) fn page(self) -> bool {
        self.any(Self::PAGE)
    }
}

/// What is meant for one connection: RFC 9110, 7.6.1.
const HOP: [(u32, HeaderName); 6] = [
    (Has::TE, TE),
    (Has::TRANSFER_ENCODING, TRANSFER_ENCODING),
    (Has::UPGRADE, UPGRADE),
    (Has::KEEP_ALIVE, KEEP_ALIVE),
    (Has::PROXY_CONNECTION, PROXY_CONNECTION),
    (Has::PROXY_AUTHENTICATE, PROXY_AUTHENTICATE),
];
/// What is for the gateway, or what it says itself.
const OURS: [(u32, HeaderName); 4] = [
    (Has::EXPECT, EXPECT),
    (Has::HTTP2_SETTINGS, HTTP2_SETTINGS),
    (Has::PROXY_AUTHORIZATION, PROXY_AUTHORIZATION),
    (Has::X_FORWARDED_PREFIX, X_FORWARDED_PREFIX),
];

/// Takes out what is meant for the connection it came by. True when that is closed behind this answer.
pub(crate) fn strip(version: Version, headers: &mut HeaderMap) -> bool {
    let has = Has::of(headers);
    let stays = version != Version::HTTP_10;
    let ends = match has.any(Has::CONNECTION) {
        false => !stays,
        true if stays => says(headers, b"close"),
        true => !says(headers, b"keep-alive"),
    };
    strip_what(headers, has);
    ends
}

/// This is said of the connection.
fn says(headers: &HeaderMap, word: &[u8]) -> bool {
    let all = headers.get_all(CONNECTION).iter();
    all.flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(word))
}

fn strip_what(headers: &mut HeaderMap, has: Has) {
    if has.any(Has::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            // Nobody may have taken out what says where a message goes and how long it is.
            .filter(|name| ![HOST, CONTENT_LENGTH, CONNECTION].contains(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    remove(headers, has, &HOP);
}

fn remove(headers: &mut HeaderMap, has: Has, names: &[(u32, HeaderName)]) {
    for (bit, name) in names {
        if has.any(*bit) {
            headers.remove(name);
        }
    }
}

/// It has come through too many gateways.
pub(crate) fn circles(headers: &HeaderMap) -> bool {
    let vias = headers.get_all(VIA).iter();
    vias.flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .nth(MOST_VIA)
        .is_some()
}

/// What a client wants to speak instead of HTTP on this connection. Of HTTP/2 it need not ask: it can
/// begin with it.
pub(crate) fn upgrade(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Option<HeaderValue> {
    if method != Method::GET || version != Version::HTTP_11 {
        return None;
    }
    let mut all = headers.get_all(UPGRADE).iter();
    let wanted = all.next().filter(|_| all.next().is_none())?;
    let asked = says(headers, b"upgrade");
    let plain = !wanted.as_bytes().to_ascii_lowercase().starts_with(b"h2c");
    (asked && plain).then(|| wanted.clone())
}

/// How `Forwarded` tells where a request came from: RFC 7239.
pub(crate) fn forwarded(client: &HeaderValue, host: &HeaderValue) -> HeaderValue {
    let client = client.to_str().unwrap_or_default();
    let client = match client.contains(':') {
        true => format!("\"[{client}]\""),
        false => client.to_owned(),
    };
    // A host that led to a route has no letters that a quotation could not hold.
    let host = host.to_str().unwrap_or_default();
    HeaderValue::try_from(format!("for={client};host=\"{host}\";proto=http"))
        .unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}

/// May be done twice with the same effect: RFC 9110, 9.2.2.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn sent(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = map(lines);
        let (client, host) = (
            HeaderValue::from_static("127.0.0.1"),
            HeaderValue::from_static("api.shop.localhost:7422"),
        );
        let way = Way {
            client: &client,
            host: &host,
            forwarded: &forwarded(&client, &host),
            prefix: None,
            version: Version::HTTP_11,
        };
        let mut n = 0;
        let has = Has::of(&headers);
        outgoing(&mut headers, has, &way, || {
            n += 1;
            n
        });
        headers
    }

    #[test]
    fn what_belongs_to_a_connection_does_not_leave_it() {
        let headers = sent(&[
            ("connection", "close, X-Secret, Host"),
            ("connection", "te, Content-Length"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("expect", "100-continue"),
            ("content-length", "3"),
            ("accept", "*/*"),
        ]);
        for gone in [
            "connection",
            "x-secret",
            "te",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "expect",
        ] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(headers["content-length"], "3");
        assert_eq!(headers["accept"], "*/*");
        assert_eq!(headers["host"], "api.shop.localhost:7422");
    }

    #[test]
    fn what_a_client_says_of_its_way_is_replaced() {
        let headers = sent(&[
            ("x-forwarded-for", "8.8.8.8"),
            ("x-forwarded-for", "9.9.9.9"),
            ("x-forwarded-host", "evil.com"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/evil"),
            ("forwarded", "for=8.8.8.8"),
            ("via", "1.1 other"),
        ]);
        let all = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(all("x-forwarded-host"), ["api.shop.localhost:7422"]);
        assert_eq!(all("x-forwarded-proto"), ["http"]);
        assert!(all("x-forwarded-prefix").is_empty());
        assert_eq!(
            all("forwarded"),
            ["for=127.0.0.1;host=\"api.shop.localhost:7422\";proto=http"]
        );
        assert_eq!(all("via"), ["1.1 other", "1.1 azora"]);
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let sound = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let headers = sent(&[
            ("traceparent", sound),
            ("tracestate", "a=b"),
            ("x-request-id", "r1"),
        ]);
        assert_eq!(headers["traceparent"], sound);
        assert_eq!(headers["tracestate"], "a=b");
        assert_eq!(headers["x-request-id"], "r1");
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let upper = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";
        for broken in [zero, upper, "", "x", &sound[..54]] {
            let headers = sent(&[
                ("traceparent", broken),
                ("tracestate", "a=b"),
                ("x-request-id", "a b"),
            ]);
            let made = headers["traceparent"].as_bytes();
            assert!(
                is_traceparent(made) && made != broken.as_bytes(),
                "{broken}"
            );
            assert!(!headers.contains_key("tracestate"));
            assert_eq!(headers["x-request-id"].len(), 16);
        }
    }

    #[test]
    fn only_a_get_that_says_so_twice_wants_to_speak_otherwise() {
        let wanted = |method: Method, version, lines: &[(&str, &str)]| {
            upgrade(&method, version, &map(lines)).is_some()
        };
        let both = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ];
        assert!(wanted(Method::GET, Version::HTTP_11, &both));
        assert!(!wanted(Method::POST, Version::HTTP_11, &both));
        assert!(!wanted(Method::GET, Version::HTTP_10, &both));
        assert!(!wanted(Method::GET, Version::HTTP_11, &both[1..]));
        assert!(!wanted(Method::GET, Version::HTTP_11, &both[..1]));
        let h2c = [
            ("connection", "upgrade, http2-settings"),
            ("upgrade", "h2c"),
        ];
        assert!(!wanted(Method::GET, Version::HTTP_11, &h2c));
    }

    #[test]
    fn a_circle_is_seen() {
        assert!(!circles(&map(&[("via", "1.1 a, 1.1 b")])));
        assert!(circles(&map(&[("via", "1.1 azora"); 17])));
    }
}
