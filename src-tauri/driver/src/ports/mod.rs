//! Ports: choosing free ones, keeping them for one home, and naming who sits on a taken one.
//!
//! A port is reserved for this user on this machine, so two homes never choose the same one even
//! while neither listens. A conflict is told with who has the port, and never ends anybody.

pub(crate) mod listen;
mod reserve;

pub use reserve::{Reservation, reserved};

use crate::holders::Holders;
use crate::homes;
use crate::layout::Layout;
use crate::per_user::{self, Place};
use model::{ClusterId, InstanceId};
use reserve::Reservations;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Chosen ports lie here: above the usual services, below the ports the kernel hands to clients
/// (`ip_local_port_range` begins at 32768).
const RANGE: std::ops::Range<u16> = 20_000..32_768;

/// A port an instance would like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortWish {
    /// Whose.
    pub cluster: ClusterId,
    /// Whose.
    pub instance: InstanceId,
    /// Which; 0 is any.
    pub preferred: u16,
    /// No other will do.
    pub exact: bool,
}

/// A port an instance has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortGrant {
    /// Whose.
    pub instance: InstanceId,
    /// Which.
    pub port: u16,
    /// The preferred one was taken: which it was, and who has it. Where only that one will do it
    /// is granted all the same, and starts fail while it is taken.
    pub moved: Option<(u16, String)>,
}

/// Why ports cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The file of reservations cannot be used.
    #[error("open the file of reserved ports {0}")]
    File(PathBuf, #[source] io::Error),
    /// Every port of the range is taken.
    #[error("find a free port for {0} from {low} to {high}", low = RANGE.start, high = RANGE.end - 1)]
    None(InstanceId),
}

type Owner = (ClusterId, InstanceId);

/// The ports of one home.
#[derive(Debug)]
pub(crate) struct Ports {
    home: String,
    place: Place,
    reservations: Reservations,
    held: Mutex<BTreeMap<u16, Owner>>,
}

impl Ports {
    pub(crate) fn open(layout: &Layout) -> Result<Ports, PortError> {
        Self::open_at(layout, per_user::place(layout))
    }

    pub(crate) fn open_at(
        layout: &Layout,
        place: Result<Place, (PathBuf, io::Error)>,
    ) -> Result<Ports, PortError> {
        let place = place.map_err(|(path, error)| PortError::File(path, error))?;
        Ok(Ports {
            home: layout.id(),
            reservations: Reservations::open(layout.id(), &place)?,
            place,
            held: Mutex::default(),
        })
    }

    /// What is not promised here, in words for people.
    pub(crate) fn not_promised(&self) -> Option<String> {
        self.place.not_promised()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<u16, Owner>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One port for each wish, or an error and none of them. `ours` says which processes belong to
    /// an instance: a port that it already listens on is its own. `kept` says whether the port's
    /// listening socket is kept for the wish's service, which makes it its own as well.
    pub(crate) fn grant(
        &self,
        wishes: &[PortWish],
        ours: impl Fn(&ClusterId, &InstanceId) -> Vec<u32>,
        kept: impl Fn(&PortWish, u16) -> bool,
    ) -> Result<Vec<PortGrant>, PortError> {
        let mut held = self.held();
        let mut holders = Holders::default();
        let mut new = BTreeSet::new();
        let mut given = BTreeSet::new();
        let mut grants = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let owner = (wish.cluster.clone(), wish.instance.clone());
            let mut taken = |port: u16, held: &BTreeMap<u16, Owner>| {
                if let Some(other) = held.get(&port) {
                    return (*other != owner).then_some(Taken::Here(other.clone()));
                }
                if !self.reservations.take(port, &owner.0, &owner.1) {
                    return Some(Taken::Reserved);
                }
                if kept(wish, port) || listen::free(port) {
                    return None;
                }
                let own = ours(&owner.0, &owner.1);
                if holders.pids(port).iter().any(|pid| own.contains(pid)) {
                    return None;
                }
                self.reservations.give_back(port);
                Some(Taken::Listening)
            };
            let conflict = match wish.preferred {
                0 => None,
                port => taken(port, &held),
            };
            let port = if wish.preferred != 0 && (conflict.is_none() || wish.exact) {
                wish.preferred
            } else {
                let found = self.order(&owner).find(|port| {
                    *port != wish.preferred
                        && !given.contains(port)
                        && taken(*port, &held).is_none()
                });
                match found {
                    Some(port) => port,
                    None => {
                        for port in &new {
                            held.remove(port);
                            self.reservations.give_back(*port);
                        }
                        return Err(PortError::None(wish.instance.clone()));
                    }
                }
            };
            let reserved = conflict.is_none() || port != wish.preferred;
            if reserved && held.insert(port, owner).is_none() {
                new.insert(port);
            }
            given.insert(port);
            let mut name = |taken| self.name(taken, wish.preferred, &mut holders);
            grants.push(PortGrant {
                instance: wish.instance.clone(),
                port,
                moved: conflict.map(|taken| (wish.preferred, name(taken))),
            });
        }
        Ok(grants)
    }

    /// Reserves a port that an instance is about to listen on, if it is not reserved for it yet.
    ///
    /// # Errors
    /// Who has reserved it.
    pub(crate) fn claim(
        &self,
        port: u16,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Result<(), String> {
        let mut held = self.held();
        let owner = (cluster.clone(), instance.clone());
        match held.get(&port) {
            // Instances of one service may share a port.
            Some(other) if same_service(other, &owner) => Ok(()),
            Some(other) => {
                let other = Taken::Here(other.clone());
                // It takes its time, and others want ports.
                drop(held);
                Err(self.name(other, port, &mut Holders::default()))
            }
            None if self.reservations.take(port, cluster, instance) => {
                held.insert(port, owner);
                Ok(())
            }
            None => Err(self.name(Taken::Reserved, port, &mut Holders::default())),
        }
    }

    /// Gives back what the instance's service has of these.
    pub(crate) fn release(&self, cluster: &ClusterId, instance: &InstanceId, ports: &[u16]) {
        let mut held = self.held();
        let owner = (cluster.clone(), instance.clone());
        for port in ports {
            if held
                .get(port)
                .is_some_and(|other| same_service(other, &owner))
            {
                held.remove(port);
                self.reservations.give_back(*port);
            }
        }
    }

    /// Who has a port, in words: whoever has reserved it, and whoever listens on it all the same.
    fn name(&self, taken: Taken, port: u16, holders: &mut Holders) -> String {
        let reserved = match taken {
            Taken::Here(owner) => here(&owner),
            Taken::Listening => return holders.words(port),
            Taken::Reserved => match self.reservations.other(port) {
                Some(Some(other)) => {
                    let homes = homes::all();
                    let home = homes.iter().find(|home| home.id() == other.home);
                    let whose = match home {
                        Some(home) => format!("the home {}", home.home().display()),
                        None => "another home of Azora".to_owned(),
                    };
                    format!("{} of {} in {whose}", other.instance, other.cluster)
                }
                Some(None) => "another home of Azora".to_owned(),
                None => "another home of Azora, which has just let go of it".to_owned(),
            },
        };
        if listen::free(port) {
            return reserved;
        }
        let listening = holders.pids(port);
        // Sockets that are handed over lie here.
        if listening.is_empty() || listening.contains(&std::process::id()) {
            return reserved;
        }
        let words = holders.words(port);
        match words.contains(&reserved) {
            true => words,
            false => format!("{reserved}, but {words} listens on it"),
        }
    }

    /// All chosen ports, beginning where home, cluster and instance point to: the same instance
    /// gets the same port again as long as nobody is in the way.
    fn order(&self, owner: &Owner) -> impl Iterator<Item = u16> {
        let text = format!("{}/{}/{}", self.home, owner.0, owner.1);
        let hash = u64::from_str_radix(&shim::home_id(text.as_ref()), 16).unwrap_or(0);
        let count = u64::from(RANGE.end - RANGE.start);
        // A remainder below the range's length fits where the range does.
        (0..count).map(move |step| RANGE.start + (hash.wrapping_add(step) % count) as u16)
    }
}

/// Why a port cannot be had.
enum Taken {
    /// An instance of this home has it.
    Here(Owner),
    /// Another home has reserved it.
    Reserved,
    /// Somebody listens on it.
    Listening,
}

fn same_service(a: &Owner, b: &Owner) -> bool {
    a.0 == b.0 && a.1.service == b.1.service
}

fn here(owner: &Owner) -> String {
    format!("{} of {}", owner.1, owner.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(instance: &str, preferred: u16) -> PortWish {
        PortWish {
            cluster: "shop-00000000".parse().unwrap(),
            instance: instance.parse().unwrap(),
            preferred,
            exact: false,
        }
    }

    fn ports() -> (testkit::Home, Ports) {
        let home = testkit::Home::new();
        let ports = Ports::open(&Layout::new(home.path())).unwrap();
        (home, ports)
    }

    fn nobody(_: &ClusterId, _: &InstanceId) -> Vec<u32> {
        Vec::new()
    }

    fn not_kept(_: &PortWish, _: u16) -> bool {
        false
    }

    #[test]
    fn a_taken_port_is_moved_and_its_holder_named() {
        let (_home, ports) = ports();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let grant = ports
            .grant(&[wish("a.0", taken)], nobody, not_kept)
            .unwrap()
            .remove(0);
        let (wanted, holder) = grant.moved.unwrap();
        assert_eq!(wanted, taken);
        assert!(
            holder.starts_with(&format!("pid {} (", std::process::id())),
            "{holder}"
        );
        assert_ne!(grant.port, taken);
        // The same port is its own when the listener belongs to the instance.
        let own = ports
            .grant(
                &[wish("b.0", taken)],
                |_, _| vec![std::process::id()],
                not_kept,
            )
            .unwrap();
        assert_eq!((own[0].port, &own[0].moved), (taken, &None));
    }

    #[test]
    fn two_homes_never_get_the_same_port() {
        let ((one, first), (_two, second)) = (ports(), ports());
        let wishes: Vec<_> = (0..50).map(|n| wish(&format!("a.{n}"), 0)).collect();
        let mut seen = BTreeSet::new();
        let granted = first.grant(&wishes, nobody, not_kept).unwrap();
        for grant in &granted {
            assert!(seen.insert(grant.port));
        }
        for grant in second.grant(&wishes, nobody, not_kept).unwrap() {
            assert!(seen.insert(grant.port));
        }
        let wanted = granted[0].port;
        let moved = second
            .grant(&[wish("b.0", wanted)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .moved;
        let instance = &granted[0].instance;
        let (port, holder) = moved.unwrap();
        assert_eq!(port, wanted);
        // Nobody wrote this home down: it is named by what it reserved.
        assert_eq!(
            holder,
            format!("{instance} of shop-00000000 in another home of Azora")
        );
        homes::note(&Layout::new(one.path())).unwrap();
        let (_, holder) = second
            .grant(&[wish("b.1", wanted)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .moved
            .unwrap();
        let home = one.path().canonicalize().unwrap();
        assert!(holder.ends_with(&home.display().to_string()), "{holder}");
        first.release(&"shop-00000000".parse().unwrap(), instance, &[wanted]);
        let free = second
            .grant(&[wish("c.0", wanted)], nobody, not_kept)
            .unwrap()
            .remove(0);
        assert_eq!((free.port, free.moved), (wanted, None));
    }

    #[test]
    fn an_instance_keeps_its_port() {
        let (_home, ports) = ports();
        let first = ports
            .grant(&[wish("a.0", 0)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .port;
        assert_eq!(
            ports
                .grant(&[wish("a.0", first)], nobody, not_kept)
                .unwrap()[0]
                .port,
            first
        );
        ports.release(
            &"shop-00000000".parse().unwrap(),
            &"a.0".parse().unwrap(),
            &[first],
        );
        assert_eq!(
            ports.grant(&[wish("a.0", 0)], nobody, not_kept).unwrap()[0].port,
            first
        );
    }

    #[test]
    fn where_only_one_port_will_do_it_is_given_and_claimed_when_it_is_free() {
        let (_home, ports) = ports();
        let (cluster, instance) = (wish("db.0", 0).cluster, wish("db.0", 0).instance);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let exactly = |instance: &str| PortWish {
            exact: true,
            ..wish(instance, taken)
        };
        let grant = ports
            .grant(&[exactly("db.0")], nobody, not_kept)
            .unwrap()
            .remove(0);
        assert_eq!(grant.port, taken, "no other will do");
        let (wanted, holder) = grant.moved.unwrap();
        assert_eq!(wanted, taken);
        assert!(holder.starts_with("pid "), "{holder}");
        drop(listener);
        ports.claim(taken, &cluster, &instance).unwrap();
        ports.claim(taken, &cluster, &instance).unwrap();
        // Now it is its own, and others are told so.
        let other = ports
            .grant(&[exactly("other.0")], nobody, not_kept)
            .unwrap()
            .remove(0);
        assert_eq!(
            other.moved,
            Some((taken, "db.0 of shop-00000000".to_owned()))
        );
        let refused = ports.claim(taken, &cluster, &other.instance).unwrap_err();
        assert_eq!(refused, "db.0 of shop-00000000");
        // What it never had it cannot give back.
        ports.release(&cluster, &other.instance, &[taken]);
        assert!(ports.claim(taken, &cluster, &other.instance).is_err());
        ports.release(&cluster, &instance, &[taken]);
        ports.claim(taken, &cluster, &other.instance).unwrap();
    }

    #[test]
    fn who_listens_on_a_port_that_another_has_reserved_is_named_too() {
        let (_home, ports) = ports();
        let port = ports
            .grant(&[wish("a.0", 0)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .port;
        // Not this process: the sockets that it keeps for services are theirs.
        let mut stranger = std::process::Command::new(testkit::program("puppet"))
            .args(["bind", &port.to_string(), "hang"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let limit = std::time::Duration::from_secs(30);
        assert!(testkit::eventually(limit, || !listen::free(port)));
        let grant = ports.grant(&[wish("b.0", port)], nobody, not_kept);
        let (_, holder) = grant.unwrap().remove(0).moved.unwrap();
        let (cluster, other) = (wish("b.0", 0).cluster, wish("b.0", 0).instance);
        let claimed = ports.claim(port, &cluster, &other).unwrap_err();
        let pid = stranger.id();
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        for words in [holder, claimed] {
            let expected = format!("a.0 of shop-00000000, but pid {pid} (");
            assert!(words.starts_with(&expected), "{words}");
        }
    }

    #[test]
    fn who_has_reserved_a_port_is_known_to_anybody_who_asks() {
        let (home, ports) = ports();
        let port = ports
            .grant(&[wish("a.0", 0)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .port;
        let here = Layout::new(home.path());
        let found = reserved(&here, port).unwrap().unwrap();
        assert_eq!(found.home, here.id());
        assert_eq!(found.instance, wish("a.0", 0).instance);
        drop(ports);
        // A process that another test is making has it too, until it becomes its program.
        let limit = std::time::Duration::from_secs(30);
        let gone = || reserved(&here, port).unwrap().is_none();
        assert!(testkit::eventually(limit, gone), "it ends with its driver");
    }
}
