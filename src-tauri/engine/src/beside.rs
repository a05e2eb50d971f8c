//! Waiting for a disk or a look through `/proc` in the midst of what must not be torn apart, without
//! holding up others.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does what may take a while here and now, while other tasks go on elsewhere. For what has to be done
/// before the next line; everything else is a task that comes back as a message.
pub(crate) fn beside_others<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
