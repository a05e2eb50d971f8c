//! The index as its writer reads it: by halving, without allocating.

use super::file;
use crate::index::{self, ENTRY};
use std::fs::File;

const LENGTH: u64 = ENTRY as u64;

/// The last entry: when the log had which length.
pub(super) fn last(index: &File) -> Option<(u64, u64)> {
    entry(index, (file::size(index) / LENGTH).checked_sub(1)?)
}

/// When a log had grown beyond `offset` for the first time, as far as is known.
pub(super) fn time_of(index: &File, offset: u64) -> Option<u64> {
    entry(index, first_beyond(index, offset)).map(|(at, _)| at)
}

/// So many bytes of the index say nothing about what lies at `kept_from` and behind it. The entry
/// before stays, because it tells when the one after began.
pub(super) fn before(index: &File, kept_from: u64) -> u64 {
    first_beyond(index, kept_from).saturating_sub(1) * LENGTH
}

/// The number of the first entry with more than `offset` bytes; the number of entries if none has.
fn first_beyond(index: &File, offset: u64) -> u64 {
    let (mut low, mut high) = (0, file::size(index) / LENGTH);
    while low < high {
        let middle = low + (high - low) / 2;
        // What was punched out came before.
        if entry(index, middle).is_some_and(|(_, size)| size > offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn entry(index: &File, number: u64) -> Option<(u64, u64)> {
    let mut entry = [0; ENTRY];
    let read = file::read_at(index, &mut entry, number * LENGTH)?;
    index::decode(&entry[..read])
}
