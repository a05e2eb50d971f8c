//! Asking a container's daemon how it is, for probes.

use super::Containers;
use driver_docker::{Checked, Exec, HealthWord};
use model::{ClusterId, Evidence, InstanceId, Verdict};
use orchestrator::OwnCheck;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

impl Containers {
    /// What the daemon's own check of an instance says, waited for while it has not come to anything.
    /// One without a check passes: nobody has asked for more. With it, what was seen of that check.
    pub(crate) async fn check(
        self: &Arc<Self>,
        cluster: &ClusterId,
        instance: &InstanceId,
        limit: Duration,
    ) -> (Evidence, Option<OwnCheck>) {
        let begun = Instant::now();
        let mut check = None;
        let (verdict, detail) = self
            .word(cluster, instance, begun + limit, &mut check)
            .await;
        let evidence = Evidence {
            verdict,
            detail,
            latency_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        (evidence, check)
    }

    /// What a command says of an instance that is run in its container, and that this key names.
    pub(crate) async fn ask_within(
        self: &Arc<Self>,
        cluster: &ClusterId,
        instance: &InstanceId,
        exec: Exec,
        key: &str,
        limit: Duration,
    ) -> Evidence {
        let (begun, argv) = (Instant::now(), exec.argv.clone());
        let outcome = self.exec(cluster, instance, exec, limit).await;
        telemetry::of_command(&argv, outcome, key, limit, begun.elapsed())
    }

    async fn word(
        self: &Arc<Self>,
        cluster: &ClusterId,
        instance: &InstanceId,
        until: Instant,
        check: &mut Option<OwnCheck>,
    ) -> (Verdict, String) {
        // Before the look: a word that comes after it is heard.
        let mut stirred = self.stirred.subscribe();
        loop {
            let word = match self.driver().await {
                Ok(driver) => match driver.health(cluster, instance).await {
                    Ok(word) => word,
                    Err(fault) => return (Verdict::Trouble, fault.to_string()),
                },
                Err(why) => return (Verdict::Trouble, why.to_string()),
            };
            let (word, said) = match word {
                Checked::Says { word, said, takes } => {
                    *check = Some(OwnCheck::Takes(takes));
                    (word, said)
                }
                Checked::NoCheck => {
                    *check = Some(OwnCheck::Nothing);
                    return (Verdict::Pass, "it runs, and has no check".to_owned());
                }
                Checked::NotRunning => return (Verdict::Fail, "it does not run".to_owned()),
            };
            let said = match said.lines().next_back() {
                Some(line) if !line.trim().is_empty() => format!(": {}", line.trim()),
                _ => String::new(),
            };
            match word {
                HealthWord::Healthy => {
                    return (Verdict::Pass, format!("its own check passes{said}"));
                }
                HealthWord::Unhealthy => {
                    return (Verdict::Fail, format!("its own check fails{said}"));
                }
                HealthWord::Starting => {
                    if timeout_at(until, stirred.changed()).await.is_err() {
                        let detail = format!("its own check has not passed yet{said}");
                        return (Verdict::Fail, detail);
                    }
                }
            }
        }
    }
}
