//! What tells one process from every other of this boot: its start time, and the boot itself.

use std::fs;
use std::io;

/// The boot this machine runs in: `/proc/sys/kernel/random/boot_id`, without its line end.
pub fn boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned())
}

/// Field 22 of a `/proc/PID/stat`: when the process started, in clock ticks since boot.
///
/// The second field holds the program's name, which may hold blanks and brackets: the fields are
/// counted from the last closing one.
pub fn start_ticks(stat: &[u8]) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let field = stat
        .get(name_end + 2..)?
        .split(|byte| *byte == b' ')
        // Field 3 is the first after the name.
        .nth(22 - 3)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Field 4 of a `/proc/PID/stat`: its parent.
pub fn parent(stat: &[u8]) -> Option<i32> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let field = stat
        .get(name_end + 2..)?
        .split(|byte| *byte == b' ')
        .nth(1)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let mut stat = b"7 (a) S 1) (b) S 1 7 7 0 -1 4194560".to_vec();
        stat.extend_from_slice(b" 9 9 9 9 9 9 9 9 20 0 1 0 4242 100 5");
        assert_eq!(start_ticks(&stat), Some(4242));
        assert_eq!(parent(&stat), Some(1));
        assert_eq!(start_ticks(b"7 (sh) S 1"), None);
    }
}
