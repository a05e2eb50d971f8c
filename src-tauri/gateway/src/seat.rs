//! The connections of clients that a thread has: how many, and which of them can go when there are too
//! many, or take nothing of what they asked for.

use crate::Shared;
use crate::body::Sent;
use crate::callers::{Caller, Whose};
use crate::flush::Flushes;
use crate::route::Route;
use crate::traffic::Counters;
use model::ServiceName;
use model::view::Whence;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// Connections of clients at a time, of all threads. Each may have one to an instance beside it.
const CONNECTIONS: usize = 1_024;
/// How long a client may take for the head of a request, or keep a connection without one, until the next sweep.
pub(crate) const HEAD: Duration = Duration::from_secs(30);
/// Sweeps after which a client that takes nothing more of any answer is let go: half a minute.
const STALLED: u32 = 6;

/// One connection of a client, and what follows HTTP on it.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    taken: Rc<Cell<usize>>,
    /// Requests under way.
    busy: Cell<u32>,
    /// Those of them that need not end by themselves.
    endless: Cell<u32>,
    /// Those of them whose answer has given the client something that it has not taken yet.
    giving: Cell<u32>,
    /// Sweeps since it took something.
    sweeps: Cell<u32>,
    /// Since when it has had no request.
    since: Cell<Instant>,
    /// Writes that were seen at the last sweep.
    writes: Cell<u64>,
    /// It speaks HTTP/1, or has not said what: it is closed when it rests for too long. A connection of HTTP/2 is asked
    /// whether it lives.
    pub(crate) waits_for_head: Cell<bool>,
    told: Cell<Option<Told>>,
    /// Who carries the connection, and is woken when it is told something.
    carrier: RefCell<Option<Waker>>,
    /// What it was given is written.
    pub(crate) flushes: Arc<Flushes>,
    /// The service that it is of.
    caller: OnceCell<Caller>,
    /// Its carrier knows that it says nothing more.
    listens: Cell<bool>,
    /// Where it is none: it is known to be no service's.
    outside: Cell<bool>,
    /// What that has asked of the route that it asked last.
    edge: RefCell<Option<(Arc<Route>, Arc<Counters>)>>,
    /// The body of its newest request that has one.
    sent: RefCell<Option<Rc<Sent>>>,
}

impl Seat {
    /// Who asks on it.
    pub(crate) fn is_of(&self, whose: Whose) {
        match whose {
            Whose::Instance(cluster, instance) => {
                let service = instance.service;
                // It is said once.
                let _ = self.caller.set(Caller { cluster, service });
            }
            Whose::Outside => self.outside.set(true),
            Whose::Later(_) => {}
        }
    }

    pub(crate) fn whence(&self) -> Whence {
        match (self.caller.get(), self.outside.get()) {
            (Some(_), _) => Whence::Service,
            (None, true) => Whence::Outside,
            (None, false) => Whence::Unknown,
        }
    }

    pub(crate) fn caller(&self) -> Option<&ServiceName> {
        self.caller.get().map(|caller| &caller.service)
    }

    /// Counts what a service asks of this route; does nothing where it is none that asks.
    pub(crate) fn count(&self, route: &Arc<Route>, count: impl FnOnce(&Counters)) {
        let Some(caller) = self.caller.get() else {
            return;
        };
        let mut edge = self.edge.borrow_mut();
        // Most clients ask one route again and again.
        match &*edge {
            Some((of, counters)) if Arc::ptr_eq(of, route) => count(counters),
            _ => {
                let counters = route.edge(caller);
                count(&counters);
                *edge = Some((Arc::clone(route), counters));
            }
        }
    }

    /// A request begins; [`Seat::end`] is its end.
    pub(crate) fn begin(&self) {
        self.busy.set(self.busy.get() + 1);
        self.flushes.begun();
    }

    pub(crate) fn end(&self, now: Instant) {
        self.busy.set(self.busy.get().saturating_sub(1));
        self.flushes.ended();
        self.since.set(now);
    }

    /// A request has become a stream that need not end by itself; [`Seat::went_on`] is its end.
    pub(crate) fn goes_on(&self) {
        self.endless.set(self.endless.get() + 1);
    }

    pub(crate) fn went_on(&self) {
        self.endless.set(self.endless.get().saturating_sub(1));
    }

    /// Nothing is under way on it but streams that need not end.
    fn is_endless(&self) -> bool {
        let endless = self.endless.get();
        endless > 0 && self.busy.get() <= endless
    }

    /// It is given a piece of an answer.
    pub(crate) fn gives(&self) {
        self.giving.set(self.giving.get() + 1);
    }

    /// It has taken that.
    pub(crate) fn took(&self) {
        self.giving.set(self.giving.get().saturating_sub(1));
        self.sweeps.set(0);
    }

    /// A request on it has this body.
    pub(crate) fn sends(&self, sent: &Rc<Sent>) {
        *self.sent.borrow_mut() = Some(Rc::clone(sent));
    }

    /// It sends nothing more, and whoever still waits for a body of it is told so.
    pub(crate) fn lacks_body(&self) {
        let lacks = |sent: &Rc<Sent>| !sent.whole.get() && sent.waits.get().is_some();
        if self.sent.borrow().as_ref().is_some_and(lacks) {
            self.flushes.pass_end();
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.get() > 0
    }

    /// It is to be closed, whatever is under way.
    pub(crate) fn is_stalled(&self) -> bool {
        self.sweeps.get() > STALLED
    }

    /// Resolves when it is to take nothing new, or to be closed. Asked by one task alone, at each of its turns: so it
    /// has to cost next to nothing.
    pub(crate) fn poll_told(&self, cx: &Context<'_>) -> Poll<Told> {
        if let Some(told) = self.told.get() {
            return Poll::Ready(told);
        }
        if self.flushes.has_said_all() && !self.listens.get() {
            self.listens.set(true);
            return Poll::Ready(Told::Listen);
        }
        let mut carrier = self.carrier.borrow_mut();
        match &mut *carrier {
            Some(carrier) if carrier.will_wake(cx.waker()) => {}
            carrier => *carrier = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn tell(&self, told: Told) {
        self.told.set(Some(told));
        if let Some(carrier) = self.carrier.take() {
            carrier.wake();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.set(self.taken.get().saturating_sub(1));
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// To leave: its place is needed, or it takes nothing of what it asked for.
    Leave,
    /// To take nothing new: the gateway ends.
    Finish,
    /// To look whether somebody still listens: its client sends nothing more.
    Listen,
}

/// All of a thread.
pub(crate) struct Seats {
    all: RefCell<Vec<Weak<Seat>>>,
    taken: Rc<Cell<usize>>,
    most: usize,
    /// What who comes now is told at once.
    told: Cell<Option<Told>>,
}

impl Seats {
    /// Those of one of so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            all: RefCell::default(),
            taken: Rc::default(),
            most: CONNECTIONS / threads.max(1),
            told: Cell::default(),
        }
    }

    /// A place for one more. When there is none, the one that has waited longest without a request makes
    /// room; `None` when all have one.
    pub(crate) fn take(&self, shared: &Arc<Shared>) -> Option<Rc<Seat>> {
        let mut all = self.all.borrow_mut();
        if self.taken.get() >= self.most {
            let known = all.iter().filter_map(Weak::upgrade);
            let idle = known.filter(|one| !one.is_busy() && one.told.get().is_none());
            idle.min_by_key(|one| one.since.get())?.tell(Told::Leave);
        }
        self.taken.set(self.taken.get() + 1);
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let seat = Rc::new(Seat {
            shared: Arc::clone(shared),
            taken: Rc::clone(&self.taken),
            busy: Cell::new(0),
            endless: Cell::new(0),
            giving: Cell::new(0),
            sweeps: Cell::new(0),
            since: Cell::new(Instant::now()),
            writes: Cell::new(0),
            waits_for_head: Cell::new(true),
            told: Cell::new(self.told.get()),
            carrier: RefCell::default(),
            flushes: Arc::default(),
            caller: OnceCell::new(),
            listens: Cell::new(false),
            outside: Cell::new(false),
            edge: RefCell::default(),
            sent: RefCell::default(),
        });
        if all.len() == all.capacity() {
            all.retain(|one| one.strong_count() > 0);
        }
        all.push(Rc::downgrade(&seat));
        Some(seat)
    }

    /// Somebody is still to get an answer that has an end, or to take it.
    pub(crate) fn owe(&self) -> bool {
        let all = self.all.borrow();
        all.iter()
            .filter_map(Weak::upgrade)
            .any(|one| !one.is_endless())
    }

    /// Nothing new is taken by any of them.
    pub(crate) fn finish(&self) {
        self.told.set(Some(Told::Finish));
        for seat in self.all.borrow().iter().filter_map(Weak::upgrade) {
            seat.tell(Told::Finish);
        }
    }

    /// Lets those go that have had no request for too long, or take nothing of any of their answers.
    pub(crate) fn sweep(&self) {
        let mut all = self.all.borrow_mut();
        all.retain(|one| one.strong_count() > 0);
        for seat in all.iter().filter_map(Weak::upgrade) {
            let (busy, giving) = (seat.busy.get(), seat.giving.get());
            let idle = busy == 0 && seat.waits_for_head.get();
            // Hyper is done with a body before it has written the end of it.
            let leaving = idle && !seat.flushes.all_has_left();
            let writes = seat.flushes.writes();
            let writes_on = seat.writes.replace(writes) != writes;
            match busy > 0 && giving >= busy || leaving && !writes_on {
                true => seat.sweeps.set(seat.sweeps.get() + 1),
                false => seat.sweeps.set(0),
            }
            let rests = idle && !leaving && seat.since.get().elapsed() > HEAD;
            if rests || seat.is_stalled() {
                seat.tell(Told::Leave);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use crate::callers::Callers;
    use crate::log::Log;
    use crate::table::Table;
    use model::Timestamp;
    use std::sync::atomic::{AtomicU32, AtomicU64};

    fn shared() -> Arc<Shared> {
        let clock = Clock {
            wall: || Timestamp(0),
            began: Instant::now(),
        };
        Arc::new(Shared {
            address: ([127, 0, 0, 1], 7_422).into(),
            table: Table::new(clock, vec![], 7_422, None),
            log: Log::default(),
            clock,
            callers: Callers::nobody(),
            connections: AtomicU32::new(0),
            refused: AtomicU64::new(0),
        })
    }

    fn told(seat: &Seat) -> Option<Told> {
        let context = &Context::from_waker(Waker::noop());
        match seat.poll_told(context) {
            Poll::Ready(told) => Some(told),
            Poll::Pending => None,
        }
    }

    async fn after(seats: &Seats, seconds: u64) {
        for _ in 0..seconds / 5 {
            tokio::time::advance(Duration::from_secs(5)).await;
            seats.sweep();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_leaves_after_half_a_minute_and_who_is_at_work_does_not() {
        let (shared, seats) = (shared(), Seats::new(1));
        let [silent, busy, h2] = [(); 3].map(|()| seats.take(&shared).unwrap());
        busy.begin();
        h2.waits_for_head.set(false);
        after(&seats, 30).await;
        assert_eq!(told(&silent), None);
        after(&seats, 5).await;
        assert_eq!(told(&silent), Some(Told::Leave));
        assert_eq!((told(&busy), told(&h2)), (None, None));
        busy.end(Instant::now());
        busy.flushes.flushed();
        after(&seats, 35).await;
        assert_eq!(told(&busy), Some(Told::Leave));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_answer_is_not_cut_for_who_reads_it_slowly() {
        let (shared, seats) = (shared(), Seats::new(1));
        let [slow, stuck] = [(); 2].map(|()| seats.take(&shared).unwrap());
        for seat in [&slow, &stuck] {
            seat.begin();
            // Hyper has all of it, and the socket has not.
            seat.end(Instant::now());
        }
        for _ in 0..6 {
            after(&seats, 15).await;
            slow.flushes.written();
        }
        assert_eq!(told(&slow), None);
        assert_eq!(told(&stuck), Some(Told::Leave));
        slow.flushes.flushed();
        after(&seats, 10).await;
        assert_eq!(told(&slow), Some(Told::Leave));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_no_service_is_told_from_who_is_not_known() {
        let (shared, seats) = (shared(), Seats::new(1));
        let seat = seats.take(&shared).unwrap();
        assert_eq!(seat.whence(), Whence::Unknown);
        seat.is_of(Whose::Later(Duration::ZERO));
        assert_eq!(seat.whence(), Whence::Unknown);
        seat.is_of(Whose::Outside);
        assert_eq!(seat.whence(), Whence::Outside);
        // A search that found nobody may find somebody later.
        let (cluster, instance) = ("shop-1a2b3c4d", "api.0");
        seat.is_of(Whose::Instance(
            cluster.parse().unwrap(),
            instance.parse().unwrap(),
        ));
        assert_eq!(seat.whence(), Whence::Service);
        seat.is_of(Whose::Outside);
        assert_eq!(
            (seat.whence(), seat.caller().is_some()),
            (Whence::Service, true)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_the_gateway_ends_is_told_so_at_once() {
        let (shared, seats) = (shared(), Seats::new(1));
        let before = seats.take(&shared).unwrap();
        assert_eq!(told(&before), None);
        seats.finish();
        assert_eq!(told(&before), Some(Told::Finish));
        assert_eq!(told(&seats.take(&shared).unwrap()), Some(Told::Finish));
    }
}
