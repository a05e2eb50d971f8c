//! Rehearsals for whoever asks through the API: each on a thread of its own that gives way to the
//! engine's own threads, one at a time, and over as soon as nobody reads on.

use crate::calls::absolute;
use crate::dispatch::{Json, Lines, json};
use crate::requests::RehearseRequest;
use crate::views::RehearsalMessage;
use engine::{Error, Handle};
use futures_util::StreamExt;
use rehearsal::{Plan, Report};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// One computes as fast as it can, on one core. A second would take another from the services.
static TURN: Semaphore = Semaphore::const_new(1);
/// Who cancels one and begins another must not be refused for what is just about to end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// Progress is told in so many steps…
const STEPS: u32 = 100;
/// … and all of them and the report fit into the queue: the thread never waits for a reader.
const QUEUE: usize = STEPS as usize + 2;
/// Most weaknesses of a report, and reasons of a service: the longest definitions there may be would
/// fill more memory with theirs than a page can show.
const MOST_WEAKNESSES: usize = 500;
const MOST_REASONS: usize = 8;
/// The lowest there is: it gives way to the engine's own threads, and to services as far as the kernel
/// weighs them together. Niceness counts only within one CPU control group or autogroup.
const NICE: i32 = 19;

pub(crate) async fn rehearse(engine: &Handle, request: RehearseRequest) -> Result<Lines, Error> {
    let plan = plan(&request)?;
    let definition = match (request.cluster, request.folder, request.text) {
        (Some(cluster), None, Some(text)) => engine.edited_definition(&cluster, text).await?,
        (Some(cluster), None, None) => engine.running_definition(&cluster).await?,
        (None, Some(folder), None) => {
            let folder = absolute(folder)?;
            engine.folder_definition(Path::new(&folder)).await?
        }
        _ => {
            let text = "a rehearsal is of a cluster or of a folder: name one of them";
            return Err(Error::BadRequest(text.to_owned()));
        }
    };
    begin(definition, plan, turn(&TURN).await?)
}

fn plan(request: &RehearseRequest) -> Result<Plan, Error> {
    let faults = request.faults.unwrap_or(Plan::USUAL_FAULTS);
    if !(1..=Plan::MOST_FAULTS).contains(&faults) {
        return Err(Error::BadRequest(format!(
            "a rehearsal has 1 to {} faults, not {faults}",
            Plan::MOST_FAULTS
        )));
    }
    let seed = request.seed.unwrap_or(Plan::USUAL_SEED);
    Ok(Plan { faults, seed })
}

async fn turn(turns: &'static Semaphore) -> Result<SemaphorePermit<'static>, Error> {
    let turn = tokio::time::timeout(ENDS_WITHIN, turns.acquire()).await;
    turn.ok().and_then(Result::ok).ok_or_else(|| {
        Error::Conflict(
            "a rehearsal is under way, and one takes a core of its own; wait for its end, or cancel it"
                .to_owned(),
        )
    })
}

fn begin(
    definition: Arc<spec::Cluster>,
    plan: Plan,
    turn: SemaphorePermit<'static>,
) -> Result<Lines, Error> {
    let (lines, told) = mpsc::channel(QUEUE);
    let live = move || {
        // It could be refused only if it were asked to come before others.
        let _ = rustix::process::setpriority_process(None, NICE);
        live(&definition, plan, &lines);
        drop(turn);
    };
    std::thread::Builder::new()
        .name("rehearsal".to_owned())
        .spawn(live)
        .map_err(|error| Error::Conflict(format!("failed to start a thread: {error}")))?;
    Ok(ReceiverStream::new(told).boxed())
}

/// Lives through it, unless the reader goes.
fn live(definition: &Arc<spec::Cluster>, plan: Plan, lines: &mpsc::Sender<Json>) {
    let mut step = 0;
    let report = rehearsal::rehearse(definition, plan, &mut |done| {
        if lines.is_closed() {
            return ControlFlow::Break(());
        }
        let now = (done * f64::from(STEPS)) as u32;
        if now > step {
            step = now;
            let _ = lines.try_send(json(&RehearsalMessage::Progress { done }));
        }
        ControlFlow::Continue(())
    });
    if let Some(report) = report {
        let _ = lines.try_send(json(&last(report)));
    }
}

/// The report as it goes out.
fn last(mut report: Report) -> RehearsalMessage {
    let all = report.weaknesses.len();
    report.weaknesses.truncate(MOST_WEAKNESSES);
    let left_out = u32::try_from(all - report.weaknesses.len()).unwrap_or(u32::MAX);
    for run in std::iter::once(&mut report.run).chain(&mut report.mended) {
        for service in &mut run.services {
            service.reasons.truncate(MOST_REASONS);
        }
    }
    RehearsalMessage::Report {
        report: Box::new(report),
        left_out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::Code;
    use serde_json::Value;

    fn turns() -> &'static Semaphore {
        Box::leak(Box::new(Semaphore::new(1)))
    }

    fn weak(services: usize) -> Arc<spec::Cluster> {
        let services =
            (0..services).map(|n| format!("[service.s{n}]\nrun = \"s\"\nport = {}\n", 2_000 + n));
        let text: String = services.collect();
        Arc::new(spec::parse("azora.toml", "shop", text.as_bytes()).unwrap())
    }

    fn asked(faults: u32) -> RehearseRequest {
        RehearseRequest {
            faults: Some(faults),
            ..RehearseRequest::default()
        }
    }

    #[test]
    fn a_plan_has_the_limits_of_the_command_line() {
        for faults in [0, Plan::MOST_FAULTS + 1] {
            let error = plan(&asked(faults)).unwrap_err();
            assert_eq!(error.code(), Code::BadRequest);
            let text = error.to_string();
            assert!(
                text.contains("1 to 100000") && text.contains(&faults.to_string()),
                "{text}"
            );
        }
        assert!(plan(&asked(Plan::MOST_FAULTS)).is_ok());
        let usual = plan(&RehearseRequest::default()).unwrap();
        assert_eq!(
            (usual.faults, usual.seed),
            (Plan::USUAL_FAULTS, Plan::USUAL_SEED)
        );
    }

    #[tokio::test]
    async fn progress_grows_and_the_report_is_the_last_word() {
        let turns = turns();
        let wanted = Plan {
            faults: 40,
            seed: 7,
        };
        let lines = begin(weak(2), wanted, turn(turns).await.unwrap()).unwrap();
        let lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(&line.0).unwrap())
            .collect()
            .await;
        let (report, progress) = lines.split_last().unwrap();
        let done: Vec<f64> = progress
            .iter()
            .map(|line| line["done"].as_f64().unwrap())
            .collect();
        assert!(
            done.len() > 10 && done.len() < QUEUE && done.is_sorted(),
            "{done:?}"
        );
        assert_eq!(
            (&report["kind"], &report["left_out"]),
            (&"report".into(), &0.into())
        );
        let report = &report["report"];
        assert_eq!(
            (&report["seed"], &report["faults"]),
            (&7.into(), &40.into())
        );
        assert_eq!(report["run"]["services"].as_array().unwrap().len(), 2);
        assert_eq!(report["weaknesses"][0]["proposal"]["table"], "service.s0");
    }

    /// Time does not pass here: it jumps when everybody waits for it.
    #[tokio::test(start_paused = true)]
    async fn a_second_is_refused_until_the_first_has_ended_which_it_does_when_nobody_reads() {
        let turns = turns();
        let long = Plan {
            faults: Plan::MOST_FAULTS,
            seed: 1,
        };
        let first = begin(weak(3), long, turn(turns).await.unwrap()).unwrap();
        let refused = turn(turns).await.unwrap_err();
        assert_eq!(refused.code(), Code::Conflict);
        assert!(
            refused.to_string().contains("a rehearsal is under way"),
            "{refused}"
        );
        drop(first);
        // The thread drops its turn as the last thing it does.
        assert!(turns.acquire().await.is_ok());
    }

    #[test]
    fn of_what_no_page_can_show_the_least_harmful_is_left_out() {
        let plan = Plan {
            faults: 400,
            seed: 1,
        };
        let on = &mut |_| ControlFlow::Continue(());
        let mut report = rehearsal::rehearse(&weak(2), plan, on).unwrap();
        let first = report.weaknesses[0].clone();
        report.weaknesses = vec![first; MOST_WEAKNESSES + 3];
        let RehearsalMessage::Report { report, left_out } = last(report) else {
            panic!("the report is the last word");
        };
        assert_eq!((report.weaknesses.len(), left_out), (MOST_WEAKNESSES, 3));
    }
}
