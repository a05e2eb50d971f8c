//! A time by which something has to be there, without a timer of its own each time.
//!
//! To set a timer of tokio and to take it back is a good part of what a request costs, and nearly all of them are taken
//! back. So a connection keeps one that may ring too early: then it is set to when it should ring, which for requests
//! that follow each other is once in a whole timeout.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection.
#[derive(Default)]
pub(crate) struct Alarm(Cell<Option<Pin<Box<Sleep>>>>);

impl Alarm {
    /// What `task` comes to, if that is before `end`. Of several at a time one has the timer that is kept.
    pub(crate) async fn before<F: Future>(
        &self,
        end: Instant,
        mut task: Pin<&mut F>,
    ) -> Option<F::Output> {
        let mut lent = Lent {
            of: self,
            timer: None,
        };
        poll_fn(|cx| {
            if let Poll::Ready(done) = task.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let timer = lent.timer.get_or_insert_with(|| {
                let kept = self.0.take();
                kept.unwrap_or_else(|| Box::pin(sleep_until(end)))
            });
            if timer.deadline() > end {
                timer.as_mut().reset(end);
            }
            while timer.as_mut().poll(cx).is_ready() {
                if timer.deadline() >= end {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(end);
            }
            Poll::Pending
        })
        .await
    }
}

/// Brings it back, however that for which it was taken ends.
struct Lent<'a> {
    of: &'a Alarm,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.of.0.set(Some(timer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::time::Duration;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    /// What takes so long, and whether it was there by then; and how long that took.
    async fn tried(alarm: &Alarm, takes: Duration, within: Duration) -> (bool, Duration) {
        let began = Instant::now();
        let done = alarm.before(began + within, pin!(sleep(takes))).await;
        (done.is_some(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn rings_when_it_should_whatever_it_was_set_to_before() {
        let alarm = Alarm::default();
        let ms = Duration::from_millis;
        assert_eq!(tried(&alarm, SECOND / 2, SECOND).await, (true, SECOND / 2));
        // Set for the one before it, it rings half a second too early.
        assert_eq!(tried(&alarm, 5 * SECOND, SECOND).await, (false, SECOND));
        // It has rung.
        assert_eq!(tried(&alarm, 5 * SECOND, SECOND).await, (false, SECOND));
        assert_eq!(tried(&alarm, SECOND, 60 * SECOND).await, (true, SECOND));
        // Set to a later time than this one's.
        assert_eq!(tried(&alarm, SECOND, ms(100)).await, (false, ms(100)));
        assert_eq!(
            tried(&alarm, 90 * SECOND, 60 * SECOND).await,
            (false, 60 * SECOND)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn rings_for_several_at_a_time() {
        let alarm = Alarm::default();
        let all = tokio::join!(
            tried(&alarm, 5 * SECOND, SECOND),
            tried(&alarm, 5 * SECOND, 2 * SECOND),
            tried(&alarm, SECOND, 2 * SECOND),
        );
        assert_eq!(all, ((false, SECOND), (false, 2 * SECOND), (true, SECOND)));
        assert_eq!(
            tried(&alarm, 5 * SECOND, 2 * SECOND).await,
            (false, 2 * SECOND)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn is_set_once_for_what_is_always_in_time() {
        let alarm = Alarm::default();
        let set = Instant::now() + 60 * SECOND;
        for _ in 0..100 {
            assert!(tried(&alarm, SECOND / 100, 60 * SECOND).await.0);
            let kept = alarm.0.take().unwrap();
            assert_eq!(kept.deadline(), set);
            alarm.0.set(Some(kept));
        }
    }
}
