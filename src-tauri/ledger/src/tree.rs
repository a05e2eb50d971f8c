//! The tree as far as it has to be known to grow: the roots of its whole subtrees, largest first.

use crate::Error;
use tlog_tiles::{
    EMPTY_HASH, HASH_SIZE, Hash, HashReader, node_hash, stored_hash_index,
    stored_hashes_for_record_hash, sub_tree_index, tree_hash,
};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    size: u64,
    /// Each with its place in the order that `tlog_tiles` stores hashes in.
    edge: Vec<(u64, Hash)>,
}

impl Tree {
    /// A tree of so many leaves whose edge was kept; `None` when it is the edge of no such tree.
    pub(crate) fn of(size: u64, edge: &[u8]) -> Option<Self> {
        let places = sub_tree_index(0, size, vec![]);
        let hashes = edge.chunks(HASH_SIZE).map(|hash| hash.try_into().ok());
        let hashes: Vec<[u8; HASH_SIZE]> = hashes.collect::<Option<_>>()?;
        (hashes.len() == places.len()).then(|| Self {
            size,
            edge: places
                .into_iter()
                .zip(hashes.into_iter().map(Hash))
                .collect(),
        })
    }

    /// How many leaves it has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What it can be made of again.
    pub(crate) fn edge(&self) -> Vec<u8> {
        self.edge.iter().flat_map(|(_, hash)| hash.0).collect()
    }

    /// One more leaf. Answers the hashes that are known by it, and the place of the first; the others
    /// follow.
    pub(crate) fn push(&mut self, leaf: Hash) -> Result<(u64, Vec<Hash>), Error> {
        let hashes = stored_hashes_for_record_hash(self.size, leaf, self)?;
        let first = stored_hash_index(0, self.size);
        let merged = hashes.len().saturating_sub(1);
        self.edge.truncate(self.edge.len().saturating_sub(merged));
        self.edge
            .extend(hashes.last().map(|top| (first + merged as u64, *top)));
        self.size += 1;
        Ok((first, hashes))
    }

    /// One more leaf, for who does not keep what becomes known by it: a million of them take half the time.
    pub(crate) fn grow(&mut self, leaf: Hash) {
        let mut top = leaf;
        let mut level = 0;
        // Each whole subtree that ends here is one with its neighbour of the same size.
        while self.size >> level & 1 == 1
            && let Some((_, left)) = self.edge.pop()
        {
            top = node_hash(left, top);
            level += 1;
        }
        let place = stored_hash_index(level, self.size >> level);
        self.edge.push((place, top));
        self.size += 1;
    }

    /// Its root.
    pub(crate) fn root(&self) -> Result<Hash, Error> {
        match self.size {
            0 => Ok(EMPTY_HASH),
            size => Ok(tree_hash(size, self)?),
        }
    }
}

impl HashReader for Tree {
    fn read_hashes(&self, places: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let one = |place: &u64| {
            let known = self.edge.iter().rfind(|(at, _)| at == place);
            known.map(|(_, hash)| *hash)
        };
        let all: Option<Vec<Hash>> = places.iter().map(one).collect();
        all.ok_or(tlog_tiles::Error::IndexesNotInTree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog_tiles::record_hash;

    /// RFC 6962, 2.1, as it is written there.
    fn by_the_book(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_HASH,
            [leaf] => *leaf,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(half);
                tlog_tiles::node_hash(by_the_book(left), by_the_book(right))
            }
        }
    }

    #[test]
    fn it_grows_as_the_rfc_says_and_goes_on_from_its_edge() {
        let leaves: Vec<Hash> = (0..200u8).map(|n| record_hash(&[n])).collect();
        let mut tree = Tree::default();
        for (n, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root().unwrap(), by_the_book(&leaves[..n]));
            let again = Tree::of(tree.size(), &tree.edge()).unwrap();
            assert_eq!(again.root().unwrap(), tree.root().unwrap());
            tree = again;
            let mut grown = tree.clone();
            tree.push(*leaf).unwrap();
            grown.grow(*leaf);
            assert_eq!((grown.size, &grown.edge), (tree.size, &tree.edge));
        }
        assert_eq!(tree.root().unwrap(), by_the_book(&leaves));
        assert!(Tree::of(199, &tree.edge()).is_none());
    }
}
