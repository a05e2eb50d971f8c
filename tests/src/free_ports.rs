//! Ports for services that keep theirs.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports nobody has at the moment, all different, also between calls. They lie below those the
/// kernel hands to clients: a probe's own end must not sit on the port of a service that is next.
///
/// # Panics
/// When so many are not free.
pub fn free_ports(count: usize) -> Vec<u16> {
    const RANGE: std::ops::Range<u32> = 10_000..20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Benches side by side begin at different places.
    let first = std::process::id().wrapping_mul(101);
    let length = RANGE.end - RANGE.start;
    let held: Vec<(u16, TcpListener)> = (0..length)
        .filter_map(|_| {
            let at = first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % length;
            let port = u16::try_from(RANGE.start + at).ok()?;
            Some((port, TcpListener::bind(("127.0.0.1", port)).ok()?))
        })
        .take(count)
        .collect();
    assert_eq!(held.len(), count, "so many ports are not free");
    held.into_iter().map(|(port, _)| port).collect()
}
