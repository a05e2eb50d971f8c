//! Which instance holds a socket: the numbers of a process's descriptors lead to inodes.

use std::collections::{BTreeSet, HashMap};
use std::fs;

/// Descriptors looked at of one process. What has more tells of some of its connections only.
const DESCRIPTORS: usize = 4_096;
/// Descriptors looked at in one look.
const ALL: usize = 262_144;

/// Looks for these sockets through the processes of each of these, in order, until all are found.
/// A process of another user, or one that may not be looked into, holds none as far as is seen.
pub(super) fn find<Key>(
    mut wanted: BTreeSet<u64>,
    order: impl IntoIterator<Item = Key>,
    tree: impl Fn(&Key) -> Vec<u32>,
) -> HashMap<u64, Key>
where
    Key: Clone,
{
    let mut found = HashMap::new();
    let mut left = ALL;
    for key in order {
        if wanted.is_empty() || left == 0 {
            break;
        }
        for pid in tree(&key) {
            left = left.saturating_sub(of(pid, |inode| {
                if wanted.remove(&inode) {
                    found.insert(inode, key.clone());
                }
            }));
        }
    }
    found
}

/// Tells of every socket of a process; answers how many descriptors were looked at.
pub fn of(pid: u32, mut each: impl FnMut(u64)) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut looked = 0;
    for one in descriptors
        .into_iter()
        .flatten()
        .flatten()
        .take(DESCRIPTORS)
    {
        looked += 1;
        let target = fs::read_link(one.path());
        let inode = target.ok().and_then(|target| {
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            inode.parse().ok()
        });
        if let Some(inode) = inode {
            each(inode);
        }
    }
    looked
}
