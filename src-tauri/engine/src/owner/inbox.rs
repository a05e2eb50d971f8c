//! Where messages wait for an owner, also for one that is still being made.
//!
//! An owner is listed before its cluster is looked at: the driver says each thing once, and what it
//! says meanwhile is about what was found. Looking may take long, so what comes is taken in at once:
//! the driver's words to all the others come the same way, and those it looks for are told by tasks
//! that wait until they are heard.

use super::{INBOX, Message};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use tokio::sync::mpsc;

/// Messages that are taken in while a cluster is looked at. An instance has a handful of words to say
/// while nobody asks anything of it, so this is for more instances than a machine runs.
const EARLY: usize = 16 * INBOX;

/// See the module.
pub(super) struct Inbox {
    messages: mpsc::Receiver<Message>,
    /// What came while the cluster was looked at.
    early: VecDeque<Message>,
}

impl Inbox {
    /// An empty one, and its way in.
    pub(super) fn new() -> (mpsc::Sender<Message>, Self) {
        let (sender, messages) = mpsc::channel(INBOX);
        let early = VecDeque::new();
        (sender, Self { messages, early })
    }

    /// Waits for something else, and keeps what comes meanwhile.
    pub(super) async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                done = &mut what => return done,
                Some(message) = self.messages.recv(), if self.early.len() < EARLY => {
                    self.early.push_back(message);
                }
            }
        }
    }

    /// The next message; `None` when there is none and nobody can send one. May be dropped while it
    /// is awaited.
    pub(super) async fn recv(&mut self) -> Option<Message> {
        match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.messages.recv().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn word(word: u64) -> Message {
        Message::Ended {
            reason: String::new(),
            at: Timestamp(0),
            word,
            reply: None,
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_an_owner_that_looks_and_nothing_is_lost() {
        let (sender, mut inbox) = Inbox::new();
        let many = 2 * INBOX as u64;
        let told = async {
            // Half of them would wait for ever if nobody took them in.
            for number in 0..many {
                sender.send(word(number)).await.unwrap();
            }
        };
        inbox.meanwhile(told).await;
        drop(sender);
        let mut next = 0;
        while let Some(Message::Ended { word, .. }) = inbox.recv().await {
            assert_eq!(word, next);
            next += 1;
        }
        assert_eq!(next, many);
    }
}
