//! Who of several that are unwell is so because of another one, found in one walk over who relies on
//! whom.
//!
//! A service is unwell because of others when something unwell lies below it, or when it is in a
//! circle with one that failed before it. The walk is Tarjan's: it comes to every service and every
//! edge once, and has done with what lies below before it comes back.

use model::{Mono, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

/// One circle of services that all rely on each other, or one service that is in none.
#[derive(Clone, Copy, Default)]
struct Circle {
    /// It, or something below it, is unwell.
    unwell: bool,
}

/// A service on the way down, and how many of those it relies on were looked at.
struct Visit {
    service: usize,
    next: usize,
}

/// The walk over services, which are numbers here.
struct Walk<'a> {
    relies: &'a [Vec<usize>],
    /// In which order it came to each, counted from 1; 0 while it has not.
    order: Vec<usize>,
    /// The first that each leads back to.
    leads_to: Vec<usize>,
    /// Which circle each is in; `None` before that is known.
    circle: Vec<Option<usize>>,
    circles: Vec<Circle>,
    /// Those whose circle is not known yet, in the order they were come to.
    open: Vec<usize>,
    count: usize,
}

/// Of these `unwell` services, with when each failed, those that are so because of another one.
/// `relies` says who relies on whom; whoever is in it is a key of it.
pub(crate) fn because_of_others(
    relies: &BTreeMap<&ServiceName, Vec<&ServiceName>>,
    unwell: &BTreeMap<&ServiceName, Mono>,
) -> BTreeSet<ServiceName> {
    let names: Vec<&ServiceName> = relies.keys().copied().collect();
    let number: BTreeMap<&ServiceName, usize> = names.iter().copied().zip(0..).collect();
    let numbers = |on: &Vec<&ServiceName>| -> Vec<usize> {
        on.iter()
            .filter_map(|name| number.get(name).copied())
            .collect()
    };
    let edges: Vec<Vec<usize>> = relies.values().map(numbers).collect();
    let failed: Vec<Option<Mono>> = names.iter().map(|name| unwell.get(name).copied()).collect();
    let mut walk = Walk {
        relies: &edges,
        order: vec![0; names.len()],
        leads_to: vec![0; names.len()],
        circle: vec![None; names.len()],
        circles: Vec::new(),
        open: Vec::new(),
        count: 0,
    };
    let mut because = BTreeSet::new();
    for start in 0..names.len() {
        walk.from(start, &failed, |service| {
            because.insert(names[service].clone());
        });
    }
    because
}

impl Walk<'_> {
    fn from(&mut self, start: usize, failed: &[Option<Mono>], mut found: impl FnMut(usize)) {
        if self.order[start] > 0 {
            return;
        }
        let mut way = vec![self.enter(start)];
        while let Some(Visit { service, next }) = way.last_mut() {
            let service = *service;
            if let Some(on) = self.relies[service].get(*next).copied() {
                *next += 1;
                if self.order[on] == 0 {
                    way.push(self.enter(on));
                } else if self.circle[on].is_none() {
                    self.leads_to[service] = self.leads_to[service].min(self.order[on]);
                }
                continue;
            }
            way.pop();
            if let Some(above) = way.last() {
                let first = self.leads_to[above.service].min(self.leads_to[service]);
                self.leads_to[above.service] = first;
            }
            if self.leads_to[service] == self.order[service] {
                self.close(service, failed, &mut found);
            }
        }
    }

    fn enter(&mut self, service: usize) -> Visit {
        self.count += 1;
        (self.order[service], self.leads_to[service]) = (self.count, self.count);
        self.open.push(service);
        Visit { service, next: 0 }
    }

    /// All that lead back to this one are a circle, and what is below them is known.
    fn close(&mut self, first: usize, failed: &[Option<Mono>], found: &mut impl FnMut(usize)) {
        let from = self.open.iter().rposition(|one| *one == first);
        let members = self.open.split_off(from.unwrap_or(0));
        let own = self.circles.len();
        for service in &members {
            self.circle[*service] = Some(own);
        }
        let below = members.iter().flat_map(|service| &self.relies[*service]);
        let mut others = below.filter_map(|on| self.circle[*on].filter(|of| *of != own));
        let below = others.any(|of| self.circles[of].unwell);
        let unwell = || members.iter().copied().filter(|one| failed[*one].is_some());
        // Numbers are in the order of names: of two that failed at once, one explains the other.
        let root = unwell().min_by_key(|one| (failed[*one], *one));
        for service in unwell().filter(|one| below || Some(*one) != root) {
            found(service);
        }
        self.circles.push(Circle {
            unwell: below || root.is_some(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a>b` relies on it, `b!5` failed at 5; those that are unwell because of others.
    fn check(text: &str, expect: &[&str]) {
        let name = |text: &str| -> ServiceName { text.parse().unwrap() };
        let mut relies: BTreeMap<ServiceName, Vec<ServiceName>> = BTreeMap::new();
        let mut unwell = BTreeMap::new();
        for word in text.split_whitespace() {
            if let Some((from, to)) = word.split_once('>') {
                relies.entry(name(to)).or_default();
                relies.entry(name(from)).or_default().push(name(to));
            } else if let Some((one, at)) = word.split_once('!') {
                relies.entry(name(one)).or_default();
                unwell.insert(name(one), Mono(at.parse().unwrap()));
            }
        }
        let relies = relies.iter().map(|(from, to)| (from, to.iter().collect()));
        let unwell = unwell.iter().map(|(one, at)| (one, *at)).collect();
        let found = because_of_others(&relies.collect(), &unwell);
        let found: Vec<&str> = found.iter().map(ServiceName::as_str).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn what_is_below_explains_what_is_above() {
        check("a>b b>c c!1 a!2", &["a"]);
        check("a>b b>c a!1 b!2 c!3", &["a", "b"]);
        check("a>b a!1", &[]);
        check("a>b b!1", &[]);
    }

    #[test]
    fn in_a_circle_the_first_explains_the_others() {
        check("a>b b>c c>a a!3 b!1 c!2", &["a", "c"]);
        check("a>b b>a a!1 b!1", &["b"]);
        // What is below the circle explains all of it.
        check("a>b b>c c>a c>d a!1 b!2 d!9", &["a", "b"]);
        // Two circles that hang together, and one that nobody reaches.
        check(
            "a>b b>a b>c c>d d>c a!1 b!2 c!4 d!3 x>y y>x x!1",
            &["a", "b", "c"],
        );
    }

    #[test]
    fn a_long_way_down_needs_no_deep_stack() {
        let name = |n: usize| -> ServiceName { format!("s{n}").parse().unwrap() };
        let names: Vec<ServiceName> = (0..100_000).map(name).collect();
        let relies = names.windows(2).map(|two| (&two[0], vec![&two[1]]));
        let mut relies: BTreeMap<_, _> = relies.collect();
        relies.insert(&names[99_999], Vec::new());
        let unwell = BTreeMap::from([(&names[0], Mono(1)), (&names[99_999], Mono(2))]);
        let found = because_of_others(&relies, &unwell);
        assert_eq!(found, BTreeSet::from([name(0)]));
    }
}
