//! Thousands of services for an hour: whether their checks are on time, and whether anything grows.
//!
//! The services are organs; their health is asked of this program, which notes when each question
//! arrives. So being on time is measured where it counts, by who is asked, and not by who asks.

use crate::floor;
use crate::options::Options;
use crate::stage::{command, jobs, programs};
use crate::table::{Report, Table};
use crate::watch::{Look, level, shims};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tests::{Azora, Folder};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services [2000]
  --minutes N        how long [60]
  --settle SECONDS   before anything counts [60]
  --look SECONDS     between two looks at the engine [10]";

/// Between two checks of a service, as defined.
const EVERY: Duration = Duration::from_secs(5);
/// A check is on time this long after the one before.
const ON_TIME: Duration = Duration::from_millis(5_500);

/// When each service was asked last, and how that was.
struct Asked {
    last: Vec<Option<Instant>>,
    counting: bool,
    gaps: u64,
    late: u64,
    longest: Duration,
    /// By tenths of a second, the last one for everything longer.
    histogram: [u64; 101],
    /// Services that were not asked any more at the end.
    silent: Vec<String>,
}

impl Asked {
    fn note(&mut self, at: usize) {
        let now = Instant::now();
        let Some(last) = self.last.get_mut(at) else {
            return;
        };
        if let (Some(before), true) = (last.replace(now), self.counting) {
            let gap = now - before;
            self.gaps += 1;
            self.late += u64::from(gap > ON_TIME);
            self.longest = self.longest.max(gap);
            let tenth = usize::try_from(gap.as_millis() / 100).unwrap_or(usize::MAX);
            self.histogram[tenth.min(100)] += 1;
        }
    }

    /// It is over: who has not been asked for too long by now would never be counted as late.
    fn end(&mut self) {
        let now = Instant::now();
        self.counting = false;
        for (at, last) in self.last.iter().enumerate() {
            let gap = last.map(|last| now - last);
            if gap.is_none_or(|gap| gap > ON_TIME) {
                self.late += 1;
                self.gaps += 1;
                self.longest = self.longest.max(gap.unwrap_or_default());
                let since = gap.map_or("never".to_owned(), |gap| format!("{gap:.1?} ago"));
                self.silent.push(format!("service {at} was asked {since}"));
            }
        }
    }
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let count: usize = options.number("--n", 2000)?;
    let minutes: u64 = options.number("--minutes", 60)?;
    let settle = options.seconds("--settle", 60)?;
    let look = options.seconds("--look", 10)?;
    let (program, organ) = programs(&options)?;
    options.end()?;

    let asked = Arc::new(Mutex::new(Asked {
        last: vec![None; count],
        counting: false,
        gaps: 0,
        late: 0,
        longest: Duration::ZERO,
        histogram: [0; 101],
        silent: Vec::new(),
    }));
    let port = listen(&asked)?;
    let every = EVERY.as_secs();
    let mut text = "[cluster]\nname = \"soak\"\n".to_owned();
    for (at, job) in jobs(&[count]).iter().enumerate() {
        let run = command(&organ, &job.name, job.port);
        text += &format!(
            "[service.{}]\nrun = {run:?}\nport = {}\nready = {{ tcp = \"$PORT\" }}\n\
             health = {{ http = \"/{at}\", port = {port}, every = \"{every}s\" }}\n",
            job.name, job.port
        );
    }
    let folder = Folder::with(&text);
    let azora = Azora::with(program);
    eprintln!("bench: up, {count} services");
    azora.up(folder.path());
    let engine = azora.engine();
    floor::pass(settle);
    lock(&asked).counting = true;
    let begun = Instant::now();
    let mut looks = Vec::new();
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let seen = Look::at(engine).ok_or("the engine is gone")?;
        looks.push(seen);
        if looks.len() % 30 == 1 {
            let asked = lock(&asked);
            eprintln!(
                "bench: {:.0} min, {} checks, {} late, longest {:.2} s",
                begun.elapsed().as_secs_f64() / 60.0,
                asked.gaps,
                asked.late,
                asked.longest.as_secs_f64()
            );
        }
        floor::pass(look);
    }
    lock(&asked).end();
    let instances = azora.instances(folder.path());
    let ready = instances.values().filter(|one| one.serves()).count();
    let restarts: u64 = instances.values().map(|one| one.restarts).sum();
    let pids: Vec<u32> = instances.values().map(|one| one.pid).collect();
    let (_, _, shim_private) = shims(&pids);
    Ok(report(
        &lock(&asked),
        &looks,
        begun,
        [ready, count],
        restarts,
        shim_private,
    ))
}

fn report(
    asked: &Asked,
    looks: &[Look],
    begun: Instant,
    [ready, count]: [usize; 2],
    restarts: u64,
    shim_private: u64,
) -> Report {
    let hours = |look: &Look| look.at.duration_since(begun).as_secs_f64() / 3600.0;
    let points = |of: fn(&Look) -> u64| -> Vec<(f64, f64)> {
        looks
            .iter()
            .map(|look| (hours(look), of(look) as f64))
            .collect()
    };
    let mut table = Table::new(["linear fit", "at the beginning", "slope", "seen"]);
    let resident = level(
        &mut table,
        "resident memory",
        " KB",
        &points(|look| look.resident),
    );
    let share = level(
        &mut table,
        "share of memory (PSS)",
        " KB",
        &points(|look| look.pss),
    );
    let descriptors = level(
        &mut table,
        "descriptors",
        "",
        &points(|look| look.descriptors),
    );
    let threads = level(&mut table, "threads", "", &points(|look| look.threads));
    let on_time = 1.0 - asked.late as f64 / asked.gaps.max(1) as f64;
    let cpu = match (looks.first(), looks.last()) {
        (Some(first), Some(last)) if last.at > first.at => last.cpu_since(first),
        _ => 0.0,
    };
    let mut checks = Table::new(["", "measured", ""]);
    for (what, measured, note) in [
        (
            "services ready",
            format!("{ready} of {count}"),
            format!("{restarts} restarts"),
        ),
        (
            "checks within 5.5 s of the one before",
            format!("{:.4} %", on_time * 100.0),
            format!(
                "{} of {} late, longest {:.2} s",
                asked.late,
                asked.gaps,
                asked.longest.as_secs_f64()
            ),
        ),
        (
            "engine CPU",
            format!("{:.2} % of a core", cpu * 100.0),
            format!("over {:.0} min", begun.elapsed().as_secs_f64() / 60.0),
        ),
        (
            "shim memory, its own alone",
            format!("{shim_private} KB"),
            String::new(),
        ),
    ] {
        checks.row([what.to_owned(), measured, note]);
    }
    let mut silent = Table::new(["", "seen", "wanted", "of"]);
    silent.faults(
        "not asked any more at the end",
        &asked.silent,
        count.to_string(),
    );
    let figures = json!({
        "services": count,
        "ready": ready,
        "restarts": restarts,
        "checks": asked.gaps,
        "late": asked.late,
        "on_time": on_time,
        "silent": asked.silent,
        "longest_s": asked.longest.as_secs_f64(),
        "gaps_by_tenth_of_a_second": asked.histogram.to_vec(),
        "engine_cpu": cpu,
        "shim_private_kb": shim_private,
        "slope_an_hour": {
            "resident_kb": resident.slope,
            "pss_kb": share.slope,
            "descriptors": descriptors.slope,
            "threads": threads.slope,
        },
        "looks": looks.iter().map(|look| json!({
            "hours": hours(look),
            "ticks": look.ticks,
            "resident_kb": look.resident,
            "pss_kb": look.pss,
            "descriptors": look.descriptors,
            "threads": look.threads,
        })).collect::<Vec<_>>(),
    });
    Report {
        tables: vec![checks, silent, table],
        figures,
    }
}

/// Answers `GET /N` with 200 and notes that N was asked. Several at once, and with room for all who
/// wait: a machine that is busy elsewhere is not to look like an engine that asks late.
fn listen(asked: &Arc<Mutex<Asked>>) -> Result<u16, String> {
    const THREADS: usize = 8;
    const BACKLOG: i32 = 4_096;
    let failed = |error| format!("failed to listen for checks: {error}");
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    rustix::net::listen(&listener, BACKLOG).map_err(|error| failed(error.into()))?;
    let port = listener.local_addr().map_err(failed)?.port();
    for _ in 0..THREADS {
        let listener = listener.try_clone().map_err(failed)?;
        let asked = Arc::clone(asked);
        std::thread::spawn(move || {
            // Who hangs up before it was heard is counted as not asked.
            listener
                .incoming()
                .flatten()
                .for_each(|stream| answer(stream, &asked));
        });
    }
    Ok(port)
}

fn answer(mut stream: TcpStream, asked: &Mutex<Asked>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut question = [0; 1024];
    let read = stream.read(&mut question).unwrap_or(0);
    let number = std::str::from_utf8(&question[..read])
        .ok()
        .and_then(|text| text.strip_prefix("GET /")?.split(' ').next()?.parse().ok());
    if let Some(number) = number {
        lock(asked).note(number);
    }
    // Who has hung up needs no answer.
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

fn lock(asked: &Mutex<Asked>) -> std::sync::MutexGuard<'_, Asked> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
