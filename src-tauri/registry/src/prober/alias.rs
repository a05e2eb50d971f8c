//! Another service, by whose state one is: nothing is asked for that.

use super::ask::{Seen, Word, bad};
use crate::Registry;
use model::view::Health;

/// How the service of this id is.
pub(super) fn seen(registry: &Registry, service: &str) -> Seen {
    let Some(listed) = registry.called(service) else {
        return bad(format!("no service {service:?} is registered"));
    };
    let (word, is) = match listed.view.health {
        Health::Passing => (Word::Good, "passing"),
        Health::Warning => (Word::Busy, "a warning"),
        Health::Critical => (Word::Bad, "critical"),
    };
    Seen {
        word,
        output: format!("{service} is {is}"),
    }
}
