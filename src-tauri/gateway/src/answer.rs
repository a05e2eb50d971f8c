//! What the gateway answers itself: a page for people, JSON for programs, a status for gRPC.

use crate::body::Answer;
use crate::guard::{SEC_FETCH_MODE, SEC_FETCH_USER};
use crate::heads::Has;
use crate::known::{Known, Missing};
use crate::route::{Nobody, Route};
use crate::standing::Back;
use bytes::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue,
    LOCATION, REFERER, RETRY_AFTER,
};
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, Response, StatusCode, Uri, Version};
use model::Timestamp;
use std::fmt::Write;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Seconds after which a page looks whether what it could not show is there now; and at most, when that has not
/// been there for long.
const LOOKS_AGAIN: u32 = 5;
const LOOKS_SELDOM: i64 = 60;
/// By so much shorter than it has not been there.
const SHORTER: i64 = 20;

/// Why a request is not passed on, or has no answer. What is between two `` ` `` is to be typed.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: String,
    pub(crate) help: String,
    /// The name that is not there.
    missing: Option<Box<Missing>>,
    /// Seconds after which it may be otherwise.
    pub(crate) again: Option<u32>,
    /// Nothing more is read from this client: what follows may be part of what was not understood.
    pub(crate) close: bool,
    /// Since when.
    pub(crate) since: Option<(Timestamp, Timestamp)>,
    /// Where it is answered instead.
    pub(crate) location: Option<Box<HeaderValue>>,
}

/// What of a request decides how its answer looks.
pub(crate) struct Asked {
    pub(crate) version: Version,
    /// To ask for it again does what it did.
    repeatable: bool,
    accept: Option<HeaderValue>,
    kind: Option<HeaderValue>,
    /// The page that it was asked from, if no person has asked.
    from: Option<HeaderValue>,
}

impl Asked {
    pub(crate) fn new(method: &Method, version: Version, headers: &HeaderMap, has: Has) -> Self {
        // A browser that goes somewhere, and nobody has told it to.
        let unasked = has.referer()
            && has.page()
            && (headers.get(SEC_FETCH_MODE)).is_some_and(|mode| mode == "navigate")
            && !headers.contains_key(SEC_FETCH_USER);
        let of = |has, name| {
            if has {
                headers.get(name).cloned()
            } else {
                None
            }
        };
        Self {
            version,
            repeatable: method == Method::GET,
            accept: of(has.accept(), ACCEPT),
            kind: of(has.content_type(), CONTENT_TYPE),
            from: of(unasked, REFERER),
        }
    }

    pub(crate) fn is_grpc(&self) -> bool {
        let kind = self.kind.as_ref().map(HeaderValue::as_bytes);
        kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
    }

    fn wants_page(&self) -> bool {
        let accept = self.accept.as_ref().and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
    }

    /// It was asked from the page that it asks for: browsers say so of a page that asks again by itself.
    fn is_from_itself(&self, host: &HeaderValue, uri: &Uri) -> bool {
        let Some(from) = &self.from else {
            return false;
        };
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let rest = from.as_bytes().strip_prefix(b"http://");
        let rest = rest.and_then(|rest| rest.split_at_checked(host.len()));
        rest.is_some_and(|(said, rest)| {
            said.eq_ignore_ascii_case(host.as_bytes()) && rest == target.as_bytes()
        })
    }
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: &str, help: &str) -> Self {
        Self {
            status,
            error: error.to_owned(),
            help: help.to_owned(),
            missing: None,
            again: None,
            close: status == StatusCode::BAD_REQUEST,
            since: None,
            location: None,
        }
    }

    /// Nothing has this name.
    pub(crate) fn unknown(name: &str, missing: Missing) -> Self {
        let error = format!("nothing here is called {name}");
        let mut refusal = Self::new(StatusCode::NOT_FOUND, &error, "");
        refusal.missing = Some(Box::new(missing));
        refusal
    }

    /// It is answered elsewhere on this host, and nothing is said about it that may not be kept.
    pub(crate) fn elsewhere(path: &str) -> Self {
        let error = format!("this is at {path}");
        let status = StatusCode::PERMANENT_REDIRECT;
        let mut refusal = Self::new(status, &error, "Ask for it with the slash at its end.");
        refusal.location = HeaderValue::try_from(path).ok().map(Box::new);
        refusal
    }

    /// Nothing has this name yet, and not all names are there.
    pub(crate) fn unsettled(name: &str) -> Self {
        let error = format!("whether anything here is called {name} is not known yet");
        let help = "Azora has just started and looks at what runs; ask again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, &error, help).again(1)
    }

    /// No instance of a route takes requests.
    pub(crate) fn nobody(route: &Route, nobody: &Nobody, now: Timestamp) -> Self {
        let name = &route.name;
        let (whose, help) = match route.of_cluster() {
            Some(cluster) if nobody.coming => (
                format!(" in {cluster}"),
                format!(
                    "It is on its way; ask again in a moment. `azora ps --cluster {cluster}` shows how far it is."
                ),
            ),
            Some(cluster) => {
                let back = match nobody.back {
                    Back::Start => format!("`azora start {name} --cluster {cluster}` starts it"),
                    Back::Release => format!(
                        "`azora release {name} --cluster {cluster}` takes it out of quarantine and starts it"
                    ),
                    Back::Unhold => format!(
                        "Healing is held: `azora unhold {name} --cluster {cluster}` lets it go on"
                    ),
                    Back::Healing => format!(
                        "Azora tries it again by itself: `azora incidents --cluster {cluster}` shows \
                         what is done about it"
                    ),
                };
                let said =
                    format!("`azora logs {name} --cluster {cluster}` shows what it said last");
                (format!(" in {cluster}"), format!("{back}; {said}."))
            }
            None => (
                String::new(),
                format!(
                    "It registered itself, and Azora does not start it; `azora registry {name}` shows how \
                     it is."
                ),
            ),
        };
        let error = format!("no instance of {name}{whose} can answer: {}", nobody.why);
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, &error, &help);
        refusal.again = Some(if nobody.coming { 1 } else { LOOKS_AGAIN });
        refusal.since = Some((nobody.since, now));
        refusal
    }

    /// An instance has not answered as it should.
    pub(crate) fn broken(route: &Route, error: &str) -> Self {
        let name = &route.name;
        let help = match route.of_cluster() {
            Some(cluster) => {
                format!("`azora logs {name} --cluster {cluster}` shows what it said last.")
            }
            None => "It registered itself: look at its log where it was started.".to_owned(),
        };
        Self::new(StatusCode::BAD_GATEWAY, error, &help)
    }

    pub(crate) fn again(mut self, seconds: u32) -> Self {
        self.again = Some(seconds);
        self
    }

    /// The same for what was asked of an instance already: nobody is told to ask for that again.
    pub(crate) fn once(mut self) -> Self {
        self.again = None;
        self
    }

    /// A page of ours has asked again by itself, and is to do so on: nobody has asked anything by that.
    pub(crate) fn is_repeated(&self, asked: &Asked, host: &HeaderValue, uri: &Uri) -> bool {
        asked.wants_page() && self.reloads(asked).is_some() && asked.is_from_itself(host, uri)
    }

    /// The answer, as who asked can read it.
    pub(crate) fn answer(&self, asked: &Asked) -> Response<Answer> {
        // By HTTP/1 nobody speaks gRPC, and 200 would grant what was refused.
        if asked.is_grpc() && asked.version == Version::HTTP_2 {
            return self.grpc();
        }
        let (kind, body) = self.body(asked);
        let length = body.len();
        let mut response = Response::new(Answer::whole(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_LENGTH, length.into());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(location) = &self.location {
            headers.insert(LOCATION, HeaderValue::clone(location));
        }
        if let Some(again) = self.again {
            headers.insert(RETRY_AFTER, again.into());
        }
        if self.close && asked.version != Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The same by HTTP/1, where hyper does not write it; the connection ends with it.
    pub(crate) fn bytes(&self, asked: &Asked) -> Vec<u8> {
        let (kind, body) = self.body(asked);
        let again = self.again.map(|again| format!("Retry-After: {again}\r\n"));
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             {}Connection: close\r\n\r\n",
            self.status,
            body.len(),
            again.unwrap_or_default(),
        );
        [head.as_bytes(), &body].concat()
    }

    fn body(&self, asked: &Asked) -> (&'static str, Bytes) {
        let known = self.missing.as_ref().map(|missing| missing.known());
        match asked.wants_page() {
            true => ("text/html; charset=utf-8", self.page(asked, known.as_ref())),
            false => ("application/json", self.json(known.as_ref())),
        }
    }

    /// gRPC wants 200 and its own status; there are no trailers, for there is no body.
    fn grpc(&self) -> Response<Answer> {
        let code = match self.status {
            StatusCode::BAD_REQUEST => 13,
            StatusCode::FORBIDDEN => 7,
            StatusCode::NOT_FOUND | StatusCode::MISDIRECTED_REQUEST => 12,
            StatusCode::TOO_MANY_REQUESTS => 8,
            StatusCode::GATEWAY_TIMEOUT => 4,
            _ => 14,
        };
        let mut message = String::new();
        for byte in self.error.bytes() {
            match byte {
                b'%' | 0..0x20 | 0x7f.. => {
                    let _ = write!(message, "%{byte:02X}");
                }
                _ => message.push(char::from(byte)),
            }
        }
        let mut response = Response::new(Answer::whole(Bytes::new()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, code.into());
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert(GRPC_MESSAGE, message);
        }
        response
    }

    fn json(&self, known: Option<&Known>) -> Bytes {
        let help = known.map_or(&self.help, |known| &known.help);
        let mut json = serde_json::json!({ "error": self.error, "help": help });
        if let Some(known) = known.filter(|known| !known.hosts.is_empty()) {
            let links: Vec<_> = known.hosts.iter().map(|host| link(host)).collect();
            json["known"] = links.into();
            json["more"] = known.more.into();
        }
        if let Some((since, _)) = self.since {
            json["since"] = since.0.into();
        }
        let mut text = json.to_string();
        text.push('\n');
        text.into()
    }

    /// Seconds after which it may be otherwise, and a page may find out. Only where no instance was asked: to ask
    /// again for what one has died of would be its death again, all night.
    fn reloads(&self, asked: &Asked) -> Option<u32> {
        let seconds = match self.status {
            StatusCode::NOT_FOUND => Some(LOOKS_AGAIN),
            StatusCode::SERVICE_UNAVAILABLE => self.again,
            _ => None,
        };
        let lasts = self
            .since
            .map_or(0, |(since, now)| seconds_from(since, now));
        let seldom = (lasts / SHORTER).min(LOOKS_SELDOM);
        let seldom = u32::try_from(seldom).unwrap_or(0);
        let seconds = seconds.map(|seconds| seconds.max(seldom));
        seconds.filter(|_| asked.repeatable)
    }

    /// An instance may have been asked, and who looks at the page may want to ask again.
    fn is_for_people_to_repeat(&self, asked: &Asked) -> bool {
        let broke = match self.status {
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => true,
            StatusCode::SERVICE_UNAVAILABLE => self.again.is_none(),
            _ => false,
        };
        asked.repeatable && broke
    }

    /// Nothing in it is run or loaded; what comes from outside is text.
    fn page(&self, asked: &Asked, known: Option<&Known>) -> Bytes {
        let help = known.map_or(&self.help, |known| &known.help);
        let title = self.status.canonical_reason().unwrap_or("No answer");
        let mut page = String::from(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
             content=\"width=device-width\">",
        );
        let reloads = self.reloads(asked);
        if let Some(seconds) = reloads {
            let _ = write!(page, "<meta http-equiv=refresh content={seconds}>");
        }
        let _ = write!(
            page,
            "<title>{title}</title><style>{STYLE}</style><main><p class=code>{}</p><h1>{}</h1><p>{}</p>",
            self.status.as_u16(),
            escaped(&sentence(&self.error)),
            typed(help),
        );
        if let Some((since, now)) = self.since {
            let _ = write!(page, "<p class=since>For {}.</p>", ago(since, now));
        }
        if let Some(known) = known.filter(|known| !known.hosts.is_empty()) {
            page.push_str("<ul>");
            for host in &known.hosts {
                let (link, host) = (escaped(&link(host)), escaped(host));
                let _ = write!(page, "<li><a href=\"{link}\">{host}</a></li>");
            }
            page.push_str("</ul>");
            if known.more > 0 {
                let more = format!("And {} more: `azora gateway` shows them.", known.more);
                let _ = write!(page, "<p>{}</p>", typed(&more));
            }
        }
        if self.is_for_people_to_repeat(asked) {
            page.push_str("<p><a href=\"\">Try again</a></p>");
        }
        page.push_str("<footer>Azora gateway");
        if let Some(seconds) = reloads {
            let _ = write!(page, " · asks again in {seconds} s");
        }
        page.push_str("</footer></main></html>\n");
        page.into()
    }
}

fn link(host: &str) -> String {
    format!("http://{host}/")
}

/// Escaped, and what is to be typed as code.
fn typed(text: &str) -> String {
    let mut html = String::new();
    for (n, part) in text.split('`').enumerate() {
        match n % 2 {
            0 => html.push_str(&escaped(part)),
            _ => html.push_str(&format!("<code>{}</code>", escaped(part))),
        }
    }
    html
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1c1e21;background:#fff;margin:0}\
main{max-width:40rem;margin:12vh auto;padding:0 1.5rem}.code{color:#5f6670;font-variant-numeric:\
tabular-nums;margin:0}h1{font-size:1.35rem;font-weight:600;margin:.2rem 0 1rem}.since,footer{color:\
#5f6670}footer{margin-top:3rem;font-size:.85rem}li,code{font-family:ui-monospace,monospace}a{color:inherit}\
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16181b}.code,.since,footer{color:#9aa2ad}}";

/// Begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

fn seconds_from(since: Timestamp, now: Timestamp) -> i64 {
    now.0.saturating_sub(since.0).max(0) / 1_000
}

fn ago(since: Timestamp, now: Timestamp) -> String {
    let seconds = seconds_from(since, now);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests;
