//! Heads of messages on their way: what belongs to one connection alone is taken out, and an instance
//! is told who asked, for what, and by which way.

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
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

/// Letters of a `traceparent`, and of an id that is made here.
const PARENT: usize = 55;
const ID: usize = 16;
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
/// replaced: it can say anything. Gives its id.
pub(crate) fn outgoing(
    headers: &mut HeaderMap,
    has: Has,
    way: &Way<'_>,
    chance: impl FnMut() -> u64,
) -> HeaderValue {
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
    trace(headers, has, chance)
}

/// `traceparent` as the W3C writes it, and an id: passed on if they are what they should be, made if not. Gives the id.
fn trace(headers: &mut HeaderMap, has: Has, mut chance: impl FnMut() -> u64) -> HeaderValue {
    // Both in one piece of memory.
    let mut made = [0; PARENT + ID];
    let (parent, id) = made.split_at_mut(PARENT);
    parent.copy_from_slice(b"00-00000000000000000000000000000000-0000000000000000-00");
    hex(&mut parent[3..19], chance());
    hex(&mut parent[19..35], chance() | 1);
    hex(&mut parent[36..52], chance() | 1);
    hex(id, chance());
    let made = Bytes::copy_from_slice(&made);
    if !(has.any(Has::TRACEPARENT) && goes_on(headers)) {
        if has.any(Has::TRACESTATE) {
            // A state without its parent is of another trace.
            headers.remove(TRACESTATE);
        }
        headers.insert(TRACEPARENT, value(made.slice(..PARENT)));
    }
    let known = if has.any(Has::X_REQUEST_ID) {
        id_in(headers)
    } else {
        None
    };
    known.unwrap_or_else(|| {
        let id = value(made.slice(PARENT..));
        headers.insert(X_REQUEST_ID, id.clone());
        id
    })
}

/// It belongs to a trace.
fn goes_on(headers: &HeaderMap) -> bool {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let first = parents.next();
    parents.next().is_none() && first.is_some_and(|parent| is_traceparent(parent.as_bytes()))
}

/// The id of a client.
fn id_in(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut ids = headers.get_all(X_REQUEST_ID).iter();
    let id = ids.next().filter(|_| ids.next().is_none())?;
    let letters = id.as_bytes();
    let sound =
        (1..=LONGEST_ID).contains(&letters.len()) && letters.iter().all(u8::is_ascii_graphic);
    sound.then(|| id.clone())
}

/// Digits and hyphens, which are fit for a header.
fn value(text: Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from_static("0"))
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
    text.len() == PARENT
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
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
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
    const CONTENT_LENGTH: u32 = 1 << 13;
    const CONTENT_TYPE: u32 = 1 << 14;
    const ACCEPT: u32 = 1 << 15;
    const TRACEPARENT: u32 = 1 << 16;
    const TRACESTATE: u32 = 1 << 17;
    const X_REQUEST_ID: u32 = 1 << 18;
    const REFERER: u32 = 1 << 19;

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
            "content-length" => Self::CONTENT_LENGTH,
            "content-type" => Self::CONTENT_TYPE,
            "accept" => Self::ACCEPT,
            "referer" => Self::REFERER,
            "traceparent" => Self::TRACEPARENT,
            "tracestate" => Self::TRACESTATE,
            "x-request-id" => Self::X_REQUEST_ID,
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

    pub(crate) fn content_length(self) -> bool {
        self.any(Self::CONTENT_LENGTH)
    }

    pub(crate) fn content_type(self) -> bool {
        self.any(Self::CONTENT_TYPE)
    }

    pub(crate) fn referer(self) -> bool {
        self.any(Self::REFERER)
    }

    pub(crate) fn accept(self) -> bool {
        self.any(Self::ACCEPT)
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
mod tests;
