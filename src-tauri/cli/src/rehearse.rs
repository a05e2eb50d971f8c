//! `azora rehearse`: how a cluster fares against faults, before it is run.

use crate::args::Rehearse;
use crate::definition::find;
use crate::fail::{Done, Fail};
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, print};
use crate::text::length;
use crate::watch::Interrupts;
use rehearsal::{Plan, Report, Run, ServiceReport, Weakness, rehearse as run};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Services and weaknesses that are shown; the others are counted.
const SHOWN: usize = 10;
/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 5] = ["99 OF 100", "HELPED", "RESTARTS", "BACK IN", "AWAY"];
/// Progress is drawn at every such step.
const STEP: f64 = 0.01;

/// `azora rehearse`.
pub(crate) async fn rehearse(here: &Path, arguments: &Rehearse) -> Done {
    let found = find(arguments.path.as_deref(), here)?;
    let definition = Arc::new(found.checked(&spec::Choice::default())?.cluster);
    let plan = Plan {
        faults: arguments.faults,
        seed: arguments.seed,
    };
    let report = lived(definition, plan).await?;
    if arguments.json.json {
        print(
            &serde_json::to_string(&report)
                .map_err(|error| Fail::failed(format!("failed to write the report: {error}")))?,
        )?;
        return Ok(());
    }
    for line in shown(&report, Terminal::stdout()) {
        print(&line)?;
    }
    if report.run.lost.is_empty() {
        return Ok(());
    }
    note("some services did not serve at the end; they are listed above");
    Ok(())
}

/// Lives through it, unless somebody does not want to wait for that: then the bar goes, too.
async fn lived(definition: Arc<spec::Cluster>, plan: Plan) -> Done<Report> {
    let mut interrupts = Interrupts::catch()?;
    let enough = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&enough);
    let mut living = tokio::task::spawn_blocking(move || {
        let mut progress = Progress::new();
        let report = run(&definition, plan, &mut |done| {
            progress.draw(done);
            match told.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        progress.clear();
        report
    });
    let lived = tokio::select! {
        lived = &mut living => lived,
        interrupt = interrupts.next() => {
            enough.store(true, Ordering::Relaxed);
            // Nothing is drawn any more when it has ended.
            let _ = living.await;
            return Err(interrupt.fail("interrupted, so there is no report"));
        }
    };
    let fault = || Fail::failed("the rehearsal came to a fault of Azora's own");
    lived.ok().flatten().ok_or_else(fault)
}

/// A bar on stderr, while somebody looks.
struct Progress {
    terminal: Terminal,
    drawn: Option<f64>,
}

impl Progress {
    fn new() -> Self {
        Self {
            terminal: Terminal::stderr(),
            drawn: None,
        }
    }

    fn draw(&mut self, done: f64) {
        const WIDTH: usize = 30;
        let due = self.drawn.is_none_or(|drawn| done >= drawn + STEP);
        if !self.terminal.live || !due {
            return;
        }
        self.drawn = Some(done);
        let full = ((done.clamp(0.0, 1.0) * WIDTH as f64) as usize).min(WIDTH);
        let bar = "█".repeat(full) + &"░".repeat(WIDTH - full);
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[Krehearsing {bar} {:3.0} %", done * 100.0);
        let _ = stderr.flush();
    }

    fn clear(&self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn percent(share: f64) -> String {
    // What is not always must not look like it.
    match share * 100.0 {
        all if all > 99.995 && share < 1.0 => ">99.99 %".to_owned(),
        all => format!("{all:.2} %"),
    }
}

fn millis(time: u64) -> String {
    length(Duration::from_millis(time))
}

fn time(time: Option<u64>) -> String {
    time.map_or_else(|| "-".to_owned(), millis)
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

fn shown(report: &Report, terminal: Terminal) -> Vec<String> {
    let run = &report.run;
    let name = terminal.paint(Paint::Strong, &report.cluster);
    if report.faults == 0 {
        return vec![format!(
            "{name}: nothing to rehearse: faults are given to services that go on running, and {}",
            match run.services.len() {
                1 => "its only one is a oneshot".to_owned(),
                all => format!("all {all} are oneshots"),
            }
        )];
    }
    let many = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let mut lines = vec![
        format!(
            "{name}: {} against {} in {} of simulated time (seed {})",
            many(run.services.len(), "service"),
            many(report.faults as usize, "fault"),
            millis(report.simulated_ms),
            report.seed,
        ),
        String::new(),
    ];
    lines.extend(whole(run, terminal));
    let worst: Vec<&ServiceReport> = run.services.iter().filter(|one| one.away_ms > 0).collect();
    if !worst.is_empty() {
        lines.push(String::new());
        let rows: Vec<Vec<Cell>> = worst.iter().take(SHOWN).map(|one| row(one)).collect();
        let headings = [
            "WORST OFF",
            "AVAILABLE",
            "AWAY",
            "BACK IN",
            "99 OF 100",
            "RESTARTS",
            "HELPED",
            "MOSTLY",
        ];
        lines.extend(table(&headings, &rows, &SPARE, terminal));
        if worst.len() > SHOWN {
            lines.push(format!("and {} more; --json has all", worst.len() - SHOWN));
        }
    }
    lines.push(String::new());
    if report.weaknesses.is_empty() {
        lines.push("Nothing in the definition made it worse than it had to be.".to_owned());
        return lines;
    }
    lines.push("What in the definition did harm, worst first:".to_owned());
    for (number, weakness) in (1..).zip(report.weaknesses.iter().take(SHOWN)) {
        lines.extend(told(number, weakness, terminal));
    }
    if report.weaknesses.len() > SHOWN {
        let more = report.weaknesses.len() - SHOWN;
        lines.push(format!("and {more} more of less harm; --json has all"));
    }
    if let Some(mended) = &report.mended {
        lines.push(String::new());
        lines.push("The same faults again, with all that is proposed done:".to_owned());
        lines.extend(whole(mended, terminal));
    }
    lines
}

fn whole(run: &Run, terminal: Terminal) -> Vec<String> {
    let paint = match run.availability {
        share if share > 0.999 => Paint::Good,
        share if share > 0.99 => Paint::Warn,
        _ => Paint::Bad,
    };
    let mut lines = vec![
        format!(
            "  {}  available, on the average of all services",
            terminal.paint(paint, &format!("{:>9}", percent(run.availability)))
        ),
        format!(
            "  {:>9}  until a service that failed was back, half of the times; 99 of 100 within {}",
            time(run.recovery_p50_ms),
            time(run.recovery_p99_ms)
        ),
        format!(
            "  {:>9}  automatic restarts, {} of them of what had no fault; gave up {}",
            run.restarts,
            run.needless_restarts,
            match run.quarantines {
                0 => "never".to_owned(),
                count => times(count),
            }
        ),
    ];
    if run.added > 0 {
        lines.push(format!(
            "  {:>9}  an instance was added, because of load",
            times(run.added)
        ));
    }
    let scheduled = run.services.iter().filter(|one| one.runs > 0);
    lines.extend(scheduled.map(|one| {
        let text = format!("{} ran by its schedule", one.service);
        format!("  {:>9}  {text}", times(one.runs))
    }));
    if run.helped > 0 {
        lines.push(format!(
            "  {:>9}  a person had to help, each time ten minutes later",
            times(run.helped)
        ));
    }
    if !run.lost.is_empty() {
        let names: Vec<String> = run.lost.iter().map(ToString::to_string).collect();
        lines.push(format!("  did not serve at the end: {}", names.join(", ")));
    }
    lines
}

fn row(one: &ServiceReport) -> Vec<Cell> {
    let paint = match one.availability {
        share if share > 0.999 => Paint::None,
        share if share > 0.99 => Paint::Warn,
        _ => Paint::Bad,
    };
    vec![
        cell(one.service.to_string()),
        (percent(one.availability), paint),
        cell(millis(one.away_ms)),
        cell(time(one.recovery_p50_ms)),
        cell(time(one.recovery_p99_ms)),
        cell(one.restarts.to_string()),
        cell(match one.helped {
            0 => "never".to_owned(),
            count => times(count),
        }),
        cell(one.reasons.first().map_or_else(String::new, |why| {
            format!("{}, {}", why.text, millis(why.ms))
        })),
    ]
}

fn told(number: u32, weakness: &Weakness, terminal: Terminal) -> Vec<String> {
    let mut lines = vec![format!("{number:>3}. {}", weakness.text)];
    if let Some(proposal) = &weakness.proposal {
        let write = |text: &str| format!("       {}", terminal.paint(Paint::Good, text));
        lines.push(write(&format!("[{}]", proposal.table)));
        lines.push(write(&proposal.line));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Terminal = Terminal {
        live: false,
        colour: false,
        columns: None,
        rows: 24,
    };

    #[test]
    fn what_is_not_always_does_not_look_like_it() {
        assert_eq!(percent(1.0), "100.00 %");
        assert_eq!(percent(0.999_999), ">99.99 %");
        assert_eq!(percent(0.5), "50.00 %");
    }

    #[test]
    fn what_has_nothing_to_be_faulted_is_no_success() {
        for (text, said) in [
            (
                "[service.a]\nrun = \"x\"\nkind = \"oneshot\"\n",
                "its only one is a oneshot",
            ),
            (
                "[service.a]\nrun = \"x\"\nkind = \"oneshot\"\n[service.b]\nrun = \"x\"\nkind = \"oneshot\"\n",
                "all 2 are oneshots",
            ),
        ] {
            let definition = spec::parse("azora.toml", "shop", text.as_bytes()).unwrap();
            let plan = Plan {
                faults: 20,
                seed: 1,
            };
            let report = run(&Arc::new(definition), plan, &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(report.faults, 0);
            let [line] = shown(&report, PLAIN).try_into().unwrap();
            assert!(
                line.contains("nothing to rehearse") && line.ends_with(said),
                "{line}"
            );
        }
    }

    #[test]
    fn a_report_says_what_is_weak_and_what_would_mend_it() {
        let definition = b"[service.db]\nrun = \"db\"\nport = 5432\n\n[service.api]\nrun = \"api\"\nport = 8080\nneeds = [{ service = \"db\", restart = true }]\nhealth = { http = \"/health\" }\n";
        let definition = spec::parse("azora.toml", "shop", definition).unwrap();
        let plan = Plan {
            faults: 60,
            seed: 1,
        };
        let report = run(&Arc::new(definition), plan, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let text = shown(&report, PLAIN).join("\n");
        for columns in [40, 80, 120] {
            let terminal = Terminal {
                columns: Some(columns),
                ..PLAIN
            };
            let lines = shown(&report, terminal);
            let table = lines
                .iter()
                .skip_while(|line| !line.starts_with("WORST OFF"));
            for line in table.take_while(|line| !line.is_empty()) {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
            let all = lines.join("\n");
            assert!(all.contains("AVAILABLE") && all.contains("MOSTLY"), "{all}");
        }
        for part in [
            "shop: 2 services against 60 faults in ",
            "db has no health probe",
            "[service.db]\n       health = { http = \"/health\" }",
            "db has no readiness",
            "The same faults again",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
