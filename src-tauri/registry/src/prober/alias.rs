//! Another service, by whose state one is: nothing is asked for that.

use super::ask::{Seen, Word, bad};
use crate::Registry;
use model::view::Health;

/// How the service of this id is; nothing while it may be an instance of ours that is not listed yet.
pub(super) fn seen(registry: &Registry, service: &str) -> Option<Seen> {
    // Before the list: what is not on it was not on it then.
    let settled = registry.is_settled();
    let Some(listed) = registry.called(service) else {
        return settled.then(|| bad(format!("no service {service:?} is registered")));
    };
    let (word, is) = match listed.view.health {
        Health::Passing => (Word::Good, "passing"),
        Health::Warning => (Word::Busy, "a warning"),
        Health::Critical => (Word::Bad, "critical"),
    };
    Some(Seen {
        word,
        output: format!("{service} is {is}"),
    })
}
