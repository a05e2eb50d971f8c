//! What a program prints, line by line, as it comes.

use std::io::{BufRead, BufReader, Read};

/// Hands on each line, without its end, until there are no more.
pub fn each_line(output: Option<impl Read>, mut then: impl FnMut(&[u8])) {
    let Some(output) = output else { return };
    let mut reader = BufReader::with_capacity(1 << 20, output);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        then(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}
