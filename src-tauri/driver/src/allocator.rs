//! How this process's allocator is set.

/// Lets all threads share two arenas, one for each that is likely to allocate at a time. To be
/// called before threads are made.
///
/// By default every thread may get an arena of its own, and what one of them has given back serves
/// no other: with a thousand services an engine held a sixth more memory than with two, for no time
/// that could be measured.
pub fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const ARENAS: libc::c_int = 2;
        #[expect(unsafe_code, reason = "there is no safe wrapper")]
        // SAFETY: takes two numbers and touches nothing but the allocator's own settings. When it
        // refuses, all stays as it was.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }
}
