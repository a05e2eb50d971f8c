//! Who is left out, what may be tried again, and how many a second.

use super::*;
use crate::backend::of;

fn with(ids: &[&str]) -> Route {
    let route = Route::new("api.shop", "api.shop-1a2b3c4d", None, "api");
    route.change(Timestamp(0), |all| {
        all.extend(ids.iter().map(|id| Arc::new(of(id))));
    });
    route
}

#[test]
fn at_most_half_are_left_out_and_never_the_last() {
    for (count, out) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let ids = ["a", "b", "c", "d", "e"];
        let route = with(&ids[..count]);
        for backend in route.backends().iter() {
            route.eject(backend, 1_000, "it failed".into());
        }
        let backends = route.backends();
        let ejected = backends.iter().filter(|one| one.is_ejected(1_000)).count();
        assert_eq!(ejected, out, "of {count}");
    }
}

#[test]
fn who_is_left_out_is_told_with_why_and_for_how_long() {
    let (tell, mut told) = mpsc::channel(1);
    let mut route = with(&["a", "b"]);
    route.ejected = Some(tell);
    let owner: (ClusterId, InstanceId) =
        ("shop-1a2b3c4d".parse().unwrap(), "api.0".parse().unwrap());
    let address = ([127, 0, 0, 1], 1).into();
    let own = Backend::new("c", Some(owner), address, None);
    route.change(Timestamp(0), |all| all.insert(0, Arc::new(own)));
    let backends = route.backends();
    route.eject(&backends[0], 1_000, "it failed".into());
    let one = told.try_recv().unwrap();
    assert_eq!(
        (one.instance.to_string(), &*one.why),
        ("api.0".to_owned(), "it failed")
    );
    assert_eq!(one.time, Duration::from_secs(5));
    // A third of three may be, and no more.
    route.eject(&backends[1], 1_000, "it failed".into());
    assert!(told.try_recv().is_err());
}

#[test]
fn those_that_take_nothing_are_not_counted() {
    let route = with(&["a", "b", "c", "d"]);
    let backends = route.backends();
    backends[2].drain();
    backends[3].withhold(Some(("its check fails".into(), Timestamp(0))));
    for backend in backends.iter() {
        route.eject(backend, 1_000, "it failed".into());
    }
    let out = backends.iter().filter(|one| one.is_ejected(1_000)).count();
    assert_eq!(out, 1);
}

#[test]
fn one_that_is_much_slower_than_its_peers_is_left_out_and_judged_anew() {
    let ms = std::time::Duration::from_millis;
    let route = with(&["a", "b", "c"]);
    let answers = |from: u64, slow: u64| {
        for (n, backend) in (0_u64..).zip(route.backends().iter()) {
            let took = if n == 1 { slow } else { 10 };
            for turn in 0..20 {
                backend.quick(from + turn * 100, ms(took));
            }
        }
        from + 2_000
    };
    let out = |now: u64| {
        let backends = route.backends();
        let out = backends.iter().filter(|one| one.is_ejected(now));
        out.map(|one| one.id.clone()).collect::<Vec<_>>()
    };
    let now = answers(0, 40);
    route.judge_latency(now);
    assert!(out(now).is_empty(), "slower, but not by much");
    let now = answers(now, 900);
    route.rule(Rules {
        balance: Balance::Hash,
        ..Rules::default()
    });
    route.judge_latency(now);
    assert!(out(now).is_empty(), "its clients may ask for more");
    route.rule(Rules::default());
    route.judge_latency(now);
    assert_eq!(out(now), ["b"]);
    // The ejection is over, and nothing new is known of it.
    let later = now + 5_000;
    route.judge_latency(later);
    assert!(out(later).is_empty());
    let later = answers(later, 900);
    route.judge_latency(later);
    assert_eq!(out(later), ["b"]);
    assert_eq!(out(later + 9_999), ["b"], "longer, as in a row");
}

#[test]
fn of_two_none_is_left_out_for_being_slower() {
    let route = with(&["a", "b"]);
    for (n, backend) in (1_u64..).zip(route.backends().iter()) {
        for turn in 0..20 {
            backend.quick(turn * 100, std::time::Duration::from_millis(n * 1_000));
        }
    }
    route.judge_latency(2_000);
    assert!(route.backends().iter().all(|one| !one.is_ejected(2_000)));
}

#[test]
fn one_in_five_requests_may_be_tried_again() {
    let route = with(&["a"]);
    while route.may_retry() {}
    for _ in 0..1_000 {
        route.pay();
    }
    let more = std::iter::repeat_with(|| route.may_retry())
        .take_while(|may| *may)
        .count();
    assert_eq!(more, 100, "no more than are put by");
    let retried: usize = (0..1_000)
        .map(|_| {
            route.pay();
            usize::from(route.may_retry())
        })
        .sum();
    assert_eq!(retried, 200);
}

#[test]
fn a_rate_is_held_over_a_second() {
    let route = with(&["a"]);
    let let_in = |from: u64| (0..100).filter(|n| route.within(10, from + n)).count();
    assert_eq!(let_in(1), 10);
    assert_eq!(let_in(501), 5);
    assert_eq!(let_in(10_000), 10);
}
