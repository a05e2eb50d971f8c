//! A compose file, from the order to every container being healthy: `azora up` beside the `docker-compose` of
//! Debian, on one daemon, with the same image, in turn. Whether it is so, the daemon is asked.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile, times};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testkit::{Daemon, Engine, IMAGE};
use tests::{Azora, Folder};

/// What it takes.
pub(crate) const TAKES: &str = "
  --layers LxN       L layers of N services, each of which needs all of the layer before to be healthy [1x10]
  --interval MS      between two of the daemon's questions to each container [500]
  --runs N           runs of each, in turn [5]
  --engine NAME      docker or podman [docker]";

/// Who is not up by then has failed.
const UP: Duration = Duration::from_secs(120);
/// Between two looks at the daemon.
const LOOK: Duration = Duration::from_millis(5);

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keeper {
    Azora,
    DockerCompose,
}

impl Keeper {
    fn name(self) -> &'static str {
        match self {
            Keeper::Azora => "azora up --detach",
            Keeper::DockerCompose => "docker-compose up -d",
        }
    }
}

/// What was taken of one run.
struct Taken {
    /// Until all were healthy.
    healthy: Duration,
    /// Until the order ended.
    order: Duration,
    /// Until all was down.
    down: Duration,
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let layers = match options.text("--layers")? {
        Some(text) => crate::mass_start::layered(&text)?,
        None => vec![10],
    };
    let interval: u64 = options.number("--interval", 500)?;
    let runs: usize = options.number("--runs", 5)?;
    let engine = match options.text("--engine")?.as_deref() {
        None | Some("docker") => Engine::Docker,
        Some("podman") => Engine::Podman,
        Some(other) => return Err(format!("--engine is docker or podman, not {other:?}")),
    };
    let (azora, _) = crate::stage::programs(&options)?;
    options.end()?;

    let daemon = Daemon::own(engine).ok_or("no daemon can be run here; it is said above why")?;
    let mut keepers = vec![Keeper::Azora];
    match crate::peers::installed("docker-compose") {
        true => keepers.push(Keeper::DockerCompose),
        false => eprintln!("bench: docker-compose is left out: it is not installed"),
    }
    let text = compose(&layers, interval);
    let count: usize = layers.iter().sum();
    let mut all: BTreeMap<Keeper, (Vec<Taken>, Vec<String>)> = BTreeMap::new();
    for run in 0..runs {
        // Who begins changes.
        keepers.rotate_left(1);
        for &keeper in &keepers {
            let (taken, failed) = all.entry(keeper).or_default();
            match once(keeper, &azora, &daemon, &text, count) {
                Ok(one) => {
                    let (name, time) = (keeper.name(), milliseconds(one.healthy));
                    eprintln!("bench: run {run}: {name}: all healthy after {time}");
                    taken.push(one);
                }
                Err(wrong) => failed.push(wrong),
            }
        }
    }

    let mut table = Table::new([
        "a compose file",
        "runs",
        "to all healthy",
        "of docker-compose",
        "to the order's end",
        "down",
        "failed",
    ]);
    let median = |of: &[Taken], what: fn(&Taken) -> Duration| {
        percentile(&mut of.iter().map(what).collect::<Vec<_>>(), 50)
    };
    let other = all.get(&Keeper::DockerCompose);
    let other = other.map_or(Duration::ZERO, |(taken, _)| {
        median(taken, |one| one.healthy)
    });
    let mut figures = BTreeMap::new();
    for (keeper, (taken, failed)) in &all {
        let healthy = median(taken, |one| one.healthy);
        table.row([
            keeper.name().to_owned(),
            taken.len().to_string(),
            milliseconds(healthy),
            times(healthy, other),
            milliseconds(median(taken, |one| one.order)),
            milliseconds(median(taken, |one| one.down)),
            failed.len().to_string(),
        ]);
        let raw = |what: fn(&Taken) -> Duration| in_ms(&taken.iter().map(what).collect::<Vec<_>>());
        let each = json!({
            "healthy_ms": raw(|one| one.healthy),
            "order_ms": raw(|one| one.order),
            "down_ms": raw(|one| one.down),
            "failed": failed,
        });
        figures.insert(keeper.name(), each);
    }
    Ok(Report::new(
        table,
        json!({ "layers": layers, "interval_ms": interval, "compose": figures }),
    ))
}

fn compose(layers: &[usize], interval: u64) -> String {
    let mut text = "services:\n".to_owned();
    let mut before: Vec<String> = Vec::new();
    for (layer, count) in layers.iter().enumerate() {
        let these: Vec<String> = (0..*count).map(|at| format!("s{layer}-{at}")).collect();
        for name in &these {
            let _ = write!(
                text,
                "  {name}:\n    image: {IMAGE}\n    command: [\"/puppet\", \"on-term\", \"0\", \"hang\"]\n    \
                 healthcheck:\n      test: [\"CMD\", \"/puppet\", \"exit\", \"0\"]\n      interval: {interval}ms\n",
            );
            if !before.is_empty() {
                text.push_str("    depends_on:\n");
            }
            for need in &before {
                let _ = writeln!(text, "      {need}: {{ condition: service_healthy }}");
            }
        }
        before = these;
    }
    text
}

fn once(
    keeper: Keeper,
    azora: &Path,
    daemon: &Daemon,
    text: &str,
    count: usize,
) -> Result<Taken, String> {
    let folder = Folder::empty();
    folder.write("compose.yaml", text);
    let socket = format!("unix://{}", daemon.socket().display());
    let home = Azora::with(azora.to_owned())
        .env("AZORA_TRUST", "1")
        .env("DOCKER_HOST", &socket);
    let command = |words: &[&str]| {
        let mut command = match keeper {
            Keeper::Azora => home.command(folder.path(), words),
            Keeper::DockerCompose => {
                let mut command = Command::new("docker-compose");
                command
                    .args(["-p", "bench"])
                    .args(words)
                    .current_dir(folder.path())
                    .env("DOCKER_HOST", &socket);
                command
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let up: &[&str] = match keeper {
        Keeper::Azora => &["up", ".", "--detach"],
        Keeper::DockerCompose => &["up", "-d"],
    };
    let begun = Instant::now();
    let mut order = command(up).spawn().map_err(|error| error.to_string())?;
    let (mut healthy, mut ended) = (None, None);
    while healthy.is_none() || ended.is_none() {
        if begun.elapsed() > UP {
            let _ = order.kill();
            let _ = command(&["down"]).status();
            return Err(format!("{} of {count} healthy in time", ready(daemon)?));
        }
        if healthy.is_none() && ready(daemon)? == count {
            healthy = Some(begun.elapsed());
        }
        if ended.is_none()
            && let Some(status) = order.try_wait().map_err(|error| error.to_string())?
        {
            ended = Some(begun.elapsed());
            if !status.success() {
                let _ = command(&["down"]).status();
                return Err(format!("{} ended with {status}", keeper.name()));
            }
        }
        std::thread::park_timeout(LOOK);
    }
    let begun = Instant::now();
    let down = command(&["down"])
        .status()
        .map_err(|error| error.to_string())?;
    let took = begun.elapsed();
    let left = listed(daemon, "/containers/json?all=true")?;
    match (down.success(), left.len()) {
        (true, 0) => Ok(Taken {
            healthy: healthy.unwrap_or_default(),
            order: ended.unwrap_or_default(),
            down: took,
        }),
        (_, left) => Err(format!("down ended with {down} and left {left} containers")),
    }
}

/// How many containers the daemon calls healthy.
fn ready(daemon: &Daemon) -> Result<usize, String> {
    let filter = "/containers/json?filters=%7B%22health%22%3A%5B%22healthy%22%5D%7D";
    Ok(listed(daemon, filter)?.len())
}

fn listed(daemon: &Daemon, path: &str) -> Result<Vec<Value>, String> {
    let answer = daemon.ask("GET", path, &[]);
    let answer = answer.map_err(|error| error.to_string())?;
    let body = body(&answer).ok_or_else(|| format!("the daemon's answer breaks off: {answer}"))?;
    serde_json::from_str(&body).map_err(|error| format!("the daemon said no list: {error}"))
}

/// What an HTTP answer says, in chunks or whole.
fn body(answer: &str) -> Option<String> {
    let (head, mut rest) = answer.split_once("\r\n\r\n")?;
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return Some(rest.to_owned());
    }
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod reading {
    use super::*;

    #[test]
    fn an_answer_in_chunks_is_put_together() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let whole = body(&format!("{head}3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"));
        assert_eq!(whole.as_deref(), Some("[1,2]"));
        assert_eq!(body(&format!("{head}3\r\n[1")), None);
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\n[]").as_deref(), Some("[]"));
    }
}
