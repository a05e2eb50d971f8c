//! Requests that a browser sends for pages of other origins: by what it says of them in `Origin`, `Referer` and
//! `Sec-Fetch-*`. All are well meant but for that: they have the right host and, where one is wanted, the token.

use super::Listener::{Api, Consul, Gateway, Registry};
use super::{Case, NAME, Route, World};

/// Origins of elsewhere. `PORT` is the listener's.
const ELSEWHERE: [&str; 28] = [
    "null",
    "http://evil.example",
    "https://evil.example",
    "http://evil.example:PORT",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example:PORT",
    "http://127.0.0.1@evil.example",
    "http://localhost:PORT@evil.example",
    "http://localhost:PORT.evil.example",
    "http://127.0.0.1:evil.example",
    "http://evil.example/127.0.0.1",
    "http://evil.example#localhost",
    "http://evil.example?localhost",
    "http://10.0.0.1:PORT",
    "http://0.0.0.0:PORT",
    "http://2130706433:PORT",
    "http://0x7f000001:PORT",
    "http://[::ffff:127.0.0.1]:PORT",
    "http://[::]:PORT",
    "http://evil.example http://127.0.0.1:PORT",
    "http://evil.example, http://127.0.0.1:PORT",
    "file://",
    "data:",
    "about:blank",
    "blob:http://evil.example",
    "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "127.0.0.1:PORT",
    "",
];
/// Origins of this machine that are not the API's own page. Through the gateway they may ask services.
const HERE: [&str; 11] = [
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:PORT",
    "http://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT",
    "http://localhost:PORT",
    "http://localhost",
    "http://[::1]:PORT",
    "http://canarymail.localhost:PORT",
    "tauri://localhost",
    "http://tauri.localhost",
];
/// Pages of elsewhere.
const PAGES: [&str; 12] = [
    "http://evil.example/",
    "https://evil.example/page?x#y",
    "http://127.0.0.1.evil.example/",
    "http://localhost:PORT.evil.example/",
    "http://localhost:PORT@evil.example/",
    "http://127.0.0.1:PORT@evil.example/",
    "http://evil.example/http://127.0.0.1:PORT/",
    "http://evil.example?http://127.0.0.1:PORT/",
    "http://evil.example#http://127.0.0.1:PORT/",
    "about:blank",
    "evil",
    "",
];
/// What a browser says of a request: where it comes from, how, and for what.
const FETCHED: [(&str, &str, &str); 22] = [
    ("cross-site", "no-cors", "image"),
    ("cross-site", "no-cors", "script"),
    ("cross-site", "no-cors", "style"),
    ("cross-site", "no-cors", "audio"),
    ("cross-site", "no-cors", "video"),
    ("cross-site", "no-cors", "object"),
    ("cross-site", "no-cors", "embed"),
    ("cross-site", "no-cors", "empty"),
    ("cross-site", "cors", "empty"),
    ("cross-site", "cors", "font"),
    ("cross-site", "cors", "manifest"),
    ("cross-site", "same-origin", "worker"),
    ("cross-site", "same-origin", "serviceworker"),
    ("cross-site", "navigate", "iframe"),
    ("cross-site", "navigate", "frame"),
    ("cross-site", "navigate", "object"),
    ("cross-site", "navigate", "fencedframe"),
    ("cross-site", "websocket", "websocket"),
    ("cross-site", "websocket", "empty"),
    ("Cross-Site", "no-cors", "image"),
    ("cross-origin", "no-cors", "image"),
    ("", "no-cors", "image"),
];

pub(super) fn cases(world: &World, routes: &[Route]) -> Vec<Case> {
    let mut cases = Vec::new();
    for route in routes {
        let ours = format!("http://127.0.0.1:{}", world.port(route.listener));
        let all = [
            origins(route, &ours),
            referers(route, &ours),
            fetched(route, &ours),
        ]
        .concat();
        for (class, what, headers) in all {
            let changed = route.with(&[]);
            let said = headers.into_iter().map(|(name, value)| {
                let port = world.port(route.listener).to_string();
                (name, value.replace("PORT", &port))
            });
            let mut changed = changed;
            changed.headers.extend(said);
            cases.push(Case {
                listener: route.listener,
                class,
                name: format!("{}: {what}", route.line),
                bytes: changed.bytes(),
                then: changed.then,
            });
        }
    }
    cases
}

type Said = (&'static str, String, Vec<(&'static str, String)>);

fn origins(route: &Route, ours: &str) -> Vec<Said> {
    let class = match route {
        _ if route.is_socket() => "origin of a WebSocket",
        _ if route.is_events() => "origin of an EventSource",
        _ => "origin",
    };
    let mut origins: Vec<String> = ELSEWHERE.iter().map(|one| (*one).to_owned()).collect();
    match route.listener {
        Api => origins.extend(HERE.iter().map(|one| (*one).to_owned())),
        Registry | Consul => {
            origins.extend(HERE.iter().map(|one| (*one).to_owned()));
            // No page is the registry's.
            origins.push(ours.to_owned());
        }
        Gateway => {}
    }
    let one = |origin: String| {
        let events = ("Accept", "text/event-stream".to_owned());
        let origin = ("Origin", origin);
        let what = format!("{:?}", origin.1);
        match route.is_events() {
            true => (class, what, vec![origin, events]),
            false => (class, what, vec![origin]),
        }
    };
    let mut all: Vec<Said> = origins.into_iter().map(one).collect();
    for (first, second) in [
        (ours, "null"),
        ("null", ours),
        (ours, "http://evil.example"),
    ] {
        let two = [first, second].map(|origin| ("Origin", origin.to_owned()));
        all.push((class, format!("{first} and {second}"), two.to_vec()));
    }
    // As a browser asks whether it may ask.
    let preflight = vec![
        ("Origin", "http://evil.example".to_owned()),
        ("Access-Control-Request-Method", "PUT".to_owned()),
        ("Access-Control-Request-Private-Network", "true".to_owned()),
    ];
    all.push((class, "a preflight's headers".to_owned(), preflight));
    all
}

fn referers(route: &Route, ours: &str) -> Vec<Said> {
    // A link that a person follows to a service has one, and an old browser says no more than that.
    if route.listener == Gateway && route.reads() {
        return Vec::new();
    }
    let mut pages: Vec<String> = PAGES.iter().map(|one| (*one).to_owned()).collect();
    match route.listener {
        Api => pages.push(ours.replace("127.0.0.1", "localhost") + "/"),
        Registry | Consul => pages.push(format!("{ours}/")),
        Gateway => {}
    }
    let one = |page: String| ("referer", format!("of {page:?}"), vec![("Referer", page)]);
    pages.into_iter().map(one).collect()
}

fn fetched(route: &Route, ours: &str) -> Vec<Said> {
    let mut all: Vec<(String, &str, &str)> = FETCHED
        .iter()
        .map(|(site, mode, dest)| ((*site).to_owned(), *mode, *dest))
        .collect();
    if route.listener != Gateway {
        // Who follows a link to it, or to a port beside it.
        all.push(("cross-site".to_owned(), "navigate", "document"));
        all.push(("same-site".to_owned(), "cors", "empty"));
        all.push(("same-site".to_owned(), "navigate", "document"));
    } else if !route.reads() {
        all.push(("cross-site".to_owned(), "navigate", "document"));
    }
    if matches!(route.listener, Registry | Consul) {
        all.push(("same-origin".to_owned(), "cors", "empty"));
    }
    let one = |(site, mode, dest): (String, &str, &str)| {
        let what = format!("{site:?}, {mode}, {dest}");
        let headers = vec![
            ("Sec-Fetch-Site", site),
            ("Sec-Fetch-Mode", mode.to_owned()),
            ("Sec-Fetch-Dest", dest.to_owned()),
        ];
        ("Sec-Fetch", what, headers)
    };
    let mut all: Vec<Said> = all.into_iter().map(one).collect();
    for two in [["none", "cross-site"], ["cross-site", "same-origin"]] {
        let headers = two.map(|site| ("Sec-Fetch-Site", site.to_owned()));
        all.push(("Sec-Fetch", two.join(" and "), headers.to_vec()));
    }
    // What a page could hope to get by: another header that says well of it.
    let hopeful = vec![
        ("Sec-Fetch-Site", "cross-site".to_owned()),
        ("X-Requested-With", "XMLHttpRequest".to_owned()),
        ("X-Forwarded-For", "127.0.0.1".to_owned()),
        ("X-Forwarded-Proto", ours.to_owned()),
        ("X-Forwarded-Host", format!("{NAME}.localhost")),
    ];
    all.push(("Sec-Fetch", "with forwarded headers".to_owned(), hopeful));
    all
}
