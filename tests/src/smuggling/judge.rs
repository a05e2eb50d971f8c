//! One case against one proxy: what came of it, held against what had to.

use super::client::{self, Answer, Heard};
use super::corpus::{Case, Expect, Part, Places};
use super::recorder::{Recorder, Written};
use super::strict::Request;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long the backend may take to have written down what the proxy is done with.
const SETTLED: Duration = Duration::from_millis(500);

/// What stands in front of a backend.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    /// What it knows the backend by.
    pub host: String,
    /// The backend behind it, for this alone.
    pub backend: Recorder,
    count: AtomicUsize,
}

impl Proxy {
    /// In front of this backend.
    pub fn new(port: u16, host: String, backend: Recorder) -> Self {
        Self {
            port,
            host,
            backend,
            count: AtomicUsize::new(0),
        }
    }

    /// What is wrong with asking as everybody does, twice: whatever came before, it is answered.
    pub fn well(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for _ in 0..2 {
            let n = self.count.fetch_add(1, Ordering::Relaxed);
            let path = format!("/good/{n}");
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
                self.host
            );
            let heard = client::send(self.port, &[Part::Bytes(request.into_bytes())], 1);
            let answers = heard.map(|heard| client::answers(&heard.bytes));
            let right = format!("POST {path} 3").into_bytes();
            match answers.as_deref() {
                Ok(
                    [
                        Answer {
                            status: 200, body, ..
                        },
                    ],
                ) if *body == right => {}
                other => wrong.push(format!("who asked next was not answered: {other:?}")),
            }
        }
        wrong
    }
}

/// What is wrong with it; nothing, if it went as it had to.
///
/// # Panics
/// When nobody listens.
pub fn judge(proxy: &Proxy, case: &Case) -> Vec<String> {
    let n = proxy.count.fetch_add(1, Ordering::Relaxed);
    let path = format!("/case/{n}");
    let places = Places {
        path: &path,
        host: &proxy.host,
    };
    proxy.backend.take();
    let told = case.answered(places);
    let tells = told.is_some();
    if let Some(parts) = told {
        proxy.backend.answer(&path, parts);
    }
    let wanted = match case.expect {
        Expect::Once(_) => 1,
        Expect::Twice => 2,
        Expect::Refused | Expect::Either | Expect::Broken | Expect::Safe => 0,
    };
    let heard = client::send(proxy.port, &case.sent(places), wanted);
    let heard = heard.expect("the proxy listens");
    let answers = match case.wants_head() {
        true => client::heads(&heard.bytes),
        false => client::answers(&heard.bytes),
    };
    // What the proxy has answered itself, the backend never hears of; what it passes on, it has by then, but for a
    // thread that is not done yet.
    // Fewer is for what was expected to say.
    let _ = testkit::eventually(SETTLED, || proxy.backend.written().requests.len() >= wanted);
    let mut wrong = proxy.well();
    let mut written = proxy.backend.take();
    // What an earlier case was about may be read whole late.
    let earlier = |target: &str| target.starts_with("/case/") && !is_below(target, &path);
    written
        .requests
        .retain(|Request { target, .. }| !target.starts_with("/good/") && !earlier(target));
    wrong.extend(always(&path, &answers, &written, case, tells));
    wrong.extend(expected(case, tells, &heard, &answers, &written));
    wrong
}

/// What holds whatever is expected.
fn always(
    path: &str,
    answers: &[Answer],
    written: &Written,
    case: &Case,
    tells: bool,
) -> Vec<String> {
    let mut wrong = written.wrong.clone();
    for Request { target, body, .. } in &written.requests {
        let ours = is_below(target, path);
        if !ours && target != "*" {
            wrong.push(format!("the backend read a request for {target}"));
        }
        if body.windows(6).any(|window| window == b"/good/") {
            wrong.push("the body has the next client's request in it".to_owned());
        }
    }
    let meant = if case.expect == Expect::Twice { 2 } else { 1 };
    // Who gets no answer may try again.
    let meant = if tells { 3 } else { meant };
    if written.requests.len() > meant {
        wrong.push(format!(
            "the backend read {} requests",
            written.requests.len()
        ));
    }
    let fine = answers
        .iter()
        .filter(|answer| (200..300).contains(&answer.status));
    let fine = fine.count();
    if fine > meant {
        wrong.push(format!("the client was told of {fine} successes"));
    }
    wrong
}

/// True for a case's own path, and what is asked of it.
fn is_below(target: &str, path: &str) -> bool {
    let rest = target.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '/']))
}

fn expected(
    case: &Case,
    tells: bool,
    heard: &Heard,
    answers: &[Answer],
    written: &Written,
) -> Vec<String> {
    let last: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status >= 200)
        .collect();
    let status = last.first().map(|answer| answer.status);
    let refused = match status {
        None => heard.closed && written.requests.is_empty(),
        Some(status) => status >= 400 && written.requests.is_empty(),
    };
    let whole = |status: u16| (200..400).contains(&status);
    let fine = last
        .iter()
        .filter(|answer| answer.whole && whole(answer.status));
    let fine = fine.count();
    let once = fine == 1 && written.requests.len() == 1;
    let right = match &case.expect {
        Expect::Refused => refused,
        Expect::Once(None) => once,
        Expect::Once(Some(body)) => once && written.requests[0].body == *body,
        Expect::Twice => fine == 2 && written.requests.len() == 2,
        Expect::Either => refused || once,
        Expect::Broken => fine == 0 && (tells || written.requests.is_empty()),
        Expect::Safe => true,
    };
    if right {
        return Vec::new();
    }
    let bodies: Vec<String> = written
        .requests
        .iter()
        .map(|request| {
            format!(
                "{} with {:?}",
                request.target,
                String::from_utf8_lossy(&request.body)
            )
        })
        .collect();
    let begin: String = String::from_utf8_lossy(&heard.bytes)
        .chars()
        .take(160)
        .collect();
    vec![format!(
        "expected {:?}, the client heard {begin:?} (closed: {}), the backend read {bodies:?}",
        case.expect, heard.closed
    )]
}
