//! Where the shim's allocations lie: one after the other in one block, and never given back.
//!
//! It allocates while it starts and not afterwards, some dozen kilobytes in all. The C library's
//! allocator takes a page from the kernel for every size of them and gives it back as often, which
//! was an eighth of the time a shim takes to start; and it keeps them apart, which costs pages for
//! as long as the shim lives.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Pages of it that are never touched cost nothing. What does not fit, as an environment of
/// megabytes, is the C library's.
const SIZE: usize = 256 * 1024;

#[repr(align(64))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: every byte is handed out once, to one owner, by `Arena::take`.
unsafe impl Sync for Block {}

static BLOCK: Block = Block(UnsafeCell::new([0; SIZE]));

/// See the module.
pub(crate) struct Arena {
    /// So many bytes are handed out.
    used: AtomicUsize,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self {
            used: AtomicUsize::new(0),
        }
    }

    fn start() -> *mut u8 {
        BLOCK.0.get().cast()
    }

    /// Where in the block this lies.
    fn offset(at: *mut u8) -> Option<usize> {
        let offset = at.addr().wrapping_sub(Self::start().addr());
        (offset < SIZE).then_some(offset)
    }

    fn take(&self, layout: Layout) -> Option<*mut u8> {
        // Beyond the block's own alignment it could not keep its word.
        if layout.align() > align_of::<Block>() {
            return None;
        }
        // There is one thread: nobody takes anything in between.
        let from = self.used.load(Relaxed).next_multiple_of(layout.align());
        let to = from.checked_add(layout.size()).filter(|to| *to <= SIZE)?;
        self.used.store(to, Relaxed);
        // SAFETY: `from` is within the block.
        Some(unsafe { Self::start().add(from) })
    }

    /// Makes the newest of all longer or shorter where it is.
    fn stretch(&self, at: *mut u8, old: usize, new: usize) -> bool {
        let Some(from) = Self::offset(at) else {
            return false;
        };
        let newest = from + old == self.used.load(Relaxed);
        let to = from.checked_add(new).filter(|to| *to <= SIZE);
        if let Some(to) = to.filter(|_| newest) {
            self.used.store(to, Relaxed);
        }
        newest && to.is_some()
    }
}

// SAFETY: what is handed out lies in the block, is aligned and belongs to nobody else, because
// `used` only goes back over what is given back; all else is the C library's.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(at) => at,
            // SAFETY: as for this.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if Self::offset(at).is_none() {
            // SAFETY: what does not lie in the block, the C library has given.
            unsafe { System.dealloc(at, layout) };
        } else {
            // The newest makes room again; the others stay.
            self.stretch(at, layout.size(), 0);
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if Self::offset(at).is_none() {
            // SAFETY: as in `dealloc`.
            return unsafe { System.realloc(at, layout, size) };
        }
        if self.stretch(at, layout.size(), size) {
            return at;
        }
        // SAFETY: the caller's alignment, and a size it vouches for.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are as long as the shorter of them, and do not overlap.
            unsafe { ptr::copy_nonoverlapping(at, new, layout.size().min(size)) };
            // SAFETY: it is the caller's to give up.
            unsafe { self.dealloc(at, layout) };
        }
        new
    }
}
