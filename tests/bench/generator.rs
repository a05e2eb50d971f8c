//! Who asks: `wrk` as fast as it gets answers, pinned to the core that is its own.

use std::process::{Command, Stdio};
use std::time::Duration;

/// The core that what is measured has for itself.
pub(crate) const SERVER_CORE: &str = "0";
/// The core of who asks, and of what answers behind a proxy.
pub(crate) const LOAD_CORE: &str = "1";

/// What is asked, and where.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where it listens, on 127.0.0.1.
    pub(crate) port: u16,
    /// What the request says it wants.
    pub(crate) host: String,
    /// `/health`.
    pub(crate) path: String,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Answers.
    pub(crate) requests: u64,
    /// Answers a second.
    pub(crate) rate: f64,
    /// Half were quicker.
    pub(crate) p50: Duration,
    /// One of a hundred was slower.
    pub(crate) p99: Duration,
    /// Not 2xx, or none at all.
    pub(crate) bad: u64,
}

/// As fast as it gets answers, over so many connections that stay. A script is one of `wrk`'s.
pub(crate) fn saturate(
    target: &Target,
    connections: usize,
    time: Duration,
    script: Option<&str>,
) -> Result<Outcome, String> {
    let mut command = pinned(LOAD_CORE, "wrk");
    command.args(["-t1", "--latency"]);
    command.arg(format!("-c{connections}"));
    command.arg(format!("-d{}s", time.as_secs().max(1)));
    command.args(["-H", &format!("Host: {}", target.host)]);
    let kept;
    if let Some(script) = script {
        kept = scratch("wrk", script)?;
        command.arg("-s").arg(kept.path());
    }
    command.arg(format!("http://127.0.0.1:{}{}", target.port, target.path));
    let text = said(&mut command)?;
    read_wrk(&text).ok_or_else(|| format!("wrk said: {text}"))
}

/// A program on one core.
pub(crate) fn pinned(core: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]).stdin(Stdio::null());
    command
}

/// Those of these programs that are not installed.
pub(crate) fn absent(programs: &[&str]) -> Vec<String> {
    let absent = programs
        .iter()
        .filter(|program| !crate::peers::installed(program));
    absent.map(|program| (*program).to_owned()).collect()
}

fn scratch(prefix: &str, text: &str) -> Result<tempfile::NamedTempFile, String> {
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .tempfile()
        .and_then(|file| std::fs::write(file.path(), text).map(|()| file));
    made.map_err(|error| format!("failed to write a scratch file: {error}"))
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("failed to run {command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(format!(
            "{command:?} ended with {}: {text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn read_wrk(text: &str) -> Option<Outcome> {
    // At the beginning of a line: shares of a hundred are elsewhere, too.
    let after = |mark: &str| {
        let rest = text.lines().find_map(|line| line.trim().strip_prefix(mark));
        rest?.split_whitespace().next()
    };
    let requests = text
        .lines()
        .find_map(|line| line.split_once(" requests in "))?;
    let errors = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Socket errors: "))
        .unwrap_or_default();
    let errors: u64 = errors
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse::<u64>().ok())
        .sum();
    let refused: u64 = after("Non-2xx or 3xx responses: ")
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    Some(Outcome {
        requests: requests.0.trim().parse().ok()?,
        rate: after("Requests/sec:")?.parse().ok()?,
        p50: time(after("50%")?)?,
        p99: time(after("99%")?)?,
        bad: errors + refused,
    })
}

/// `1.25ms`, as `wrk` writes times.
fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let seconds = match &text[unit..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    let number: f64 = text[..unit].parse().ok()?;
    Some(Duration::from_secs_f64(number * seconds))
}

#[cfg(test)]
mod reading {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let text = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n    Req/Sec    10.02k     1.58k   13.21k    67.50%\n  Latency Distribution\n\
             \x20    50%  250.00us\n     75%  300.00us\n     90%  400.00us\n     99%    1.30ms\n\
             \x20 1234 requests in 1.00s, 0.30MB read\n  Socket errors: connect 0, read 1, write 0, timeout 2\n\
             \x20 Non-2xx or 3xx responses: 4\nRequests/sec:   1233.90\nTransfer/sec:    300KB\n";
        let outcome = read_wrk(text).expect("it is what wrk says");
        assert_eq!((outcome.requests, outcome.bad), (1_234, 7));
        assert_eq!(outcome.p50, Duration::from_micros(250));
        assert_eq!(outcome.p99, Duration::from_micros(1_300));
        assert!((outcome.rate - 1_233.9).abs() < 0.1);
        assert!(read_wrk("unable to connect").is_none());
    }
}
