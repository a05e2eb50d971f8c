//! What a sound definition costs or may not have meant: told by `azora check`, never in the way.

use crate::cluster::{Cluster, Run, Service};
use model::ServiceName;

/// One sentence for each thing worth knowing, by service.
pub fn notes(cluster: &Cluster) -> Vec<String> {
    let of = |(name, service): (&ServiceName, &Service)| {
        let terminal = service.tty.then(|| {
            format!(
                "{name} gets a terminal (tty): it ends with its shim, while every other service \
                 lives on without one"
            )
        });
        let lost =
            service.listen.is_some() && service.runs.process().is_some_and(hands_on_to_a_child);
        let lost = lost.then(|| {
            format!(
                "{name} is run by a shell, which the listening sockets are meant for: end the line \
                 with `exec` and the server"
            )
        });
        let absent = service
            .needs
            .iter()
            .filter(|need| !need.required && !cluster.services.contains_key(&need.service));
        let absent = absent.map(|need| {
            format!(
                "{name} can do without {}, which is none of this cluster: it does not wait for it",
                need.service
            )
        });
        let told = [terminal, lost].into_iter().flatten();
        told.chain(absent).collect::<Vec<_>>()
    };
    cluster.services.iter().flat_map(of).collect()
}

/// A shell line that runs its program as a child: the child has another pid than the process that
/// was made.
fn hands_on_to_a_child(run: &Run) -> bool {
    match run {
        Run::Direct(_) => false,
        Run::Shell(line) => !line
            .to_string()
            .split_whitespace()
            .any(|word| word == "exec"),
    }
}
