//! What a service may use, and what on this machine holds it to that: its control group where that
//! has the controller, else the limits of each process (rlimits), else nothing. Which of them it is
//! can always be told, in words.

use crate::cgroup::{self, Controller, Groups, Holder};
use model::view::LimitView;
use shim::Resource;

/// Limits that each process of a service has for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rlimits {
    /// Soft and hard limit of open files.
    pub(crate) files: (u64, u64),
    /// The others.
    pub(crate) others: Vec<(Resource, u64)>,
}

/// What each process is given. `files` is what services get that name no limit; `own_user` says
/// that the service runs as another user than the engine.
pub(crate) fn rlimits(
    limits: &spec::Limits,
    groups: &Groups,
    files: (u64, u64),
    own_user: bool,
) -> Rlimits {
    let held = |controller| groups.holder(controller).is_ok();
    let mut others = Vec::new();
    if let Some(memory) = limits.memory.filter(|_| !held(Controller::Memory)) {
        others.push((Resource::Data, memory));
    }
    if let Some(most) = limits
        .processes
        .filter(|_| !held(Controller::Pids) && own_user)
    {
        others.push((Resource::Processes, u64::from(most)));
    }
    let files = match limits.files {
        // Nobody but root may have more than the hard limit, and a lower one keeps the promise, too.
        Some(most) => (most.min(files.1), most.min(files.1)),
        None => files,
    };
    Rlimits { files, others }
}

/// Each limit of a service and what holds it.
pub(crate) fn views(
    limits: &spec::Limits,
    groups: &Groups,
    files: (u64, u64),
    own_user: bool,
) -> Vec<LimitView> {
    let mut views = Vec::new();
    let mut add = |what: &str, wanted: String, held: bool, by: String| {
        views.push(LimitView {
            what: what.to_owned(),
            wanted,
            held,
            by,
        });
    };
    let group = |controller, holder: &Holder| {
        let file = cgroup::file(controller, holder);
        format!("its control group ({file}), for the instance and all it starts")
    };
    if let Some(memory) = limits.memory {
        let by = match groups.holder(Controller::Memory) {
            Ok(holder) => format!("{}, swap included", group(Controller::Memory, holder)),
            Err(why) => format!(
                "each process for itself (RLIMIT_DATA: what it allocates, not what it uses; over \
                 it an allocation fails, and nothing is killed), because {why}"
            ),
        };
        add("memory", model::bytes(memory), true, by);
    }
    if let Some(share) = limits.cpu {
        let (held, by) = match groups.holder(Controller::Cpu) {
            Ok(holder) => (true, group(Controller::Cpu, holder)),
            Err(why) => (false, format!("nothing, because {why}")),
        };
        add("cpu", spec::cores(share), held, by);
    }
    if let Some(most) = limits.files {
        let by = if most > files.1 {
            format!(
                "each process for itself (RLIMIT_NOFILE), at {}: this machine gives no more",
                files.1
            )
        } else {
            "each process for itself (RLIMIT_NOFILE)".to_owned()
        };
        add("files", most.to_string(), true, by);
    }
    if let Some(most) = limits.processes {
        let (held, by) = match groups.holder(Controller::Pids) {
            Ok(holder) => (true, group(Controller::Pids, holder)),
            Err(why) if own_user => (
                true,
                format!(
                    "its user (RLIMIT_NPROC: all that run as that user count together), because {why}"
                ),
            ),
            Err(why) => (
                false,
                format!(
                    "nothing, because {why}, and RLIMIT_NPROC would count everything that runs as \
                     this user"
                ),
            ),
        };
        add("processes", most.to_string(), held, by);
    }
    views
}

/// What limits on this machine cannot promise, for everyone to see: one sentence for each reason.
pub(crate) fn not_promised(groups: &Groups) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (controller, what) in [
        (
            Controller::Memory,
            "memory limits hold each process for itself and not a whole service, and who is killed \
             for want of memory is not known",
        ),
        (Controller::Cpu, "cpu limits hold nothing"),
        (
            Controller::Pids,
            "process limits hold only services with a `user` of their own",
        ),
    ] {
        if let Err(why) = groups.holder(controller) {
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, said)) => said.push(what),
                None => reasons.push((why, vec![what])),
            }
        }
    }
    reasons
        .into_iter()
        .map(|(why, said)| format!("{}, because {why}", said.join("; ")))
        .collect()
}
