//! `number`: numbered lines, without a gap and without a repetition however often it is killed.
//!
//! A line is `n 0000000042 of PID .`: what is cut off at its end has no full stop. Its output is a
//! file that keeps its place, so the file itself says how far the process before it came.

use crate::{fail, pause};
use std::io::{Read, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

/// Digits of a number.
const DIGITS: usize = 10;
/// Written at a time: a service with a buffer writes so much.
const BLOCK: usize = 64 << 10;
/// Read from the end to find the last line.
const TAIL: u64 = 4 << 10;

/// Writes what is missing up to `last`. Before each block it waits until the file `allowed` names a
/// length that the output does not have yet.
pub(crate) fn up_to(last: u64, allowed: &str) {
    // SAFETY: standard output is open for as long as the process lives; it is not closed here.
    let mut out = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(1) });
    let (done, torn) = written(&mut out);
    let pid = std::process::id();
    let mut line = format!("n {done:0DIGITS$} of {pid} .\n").into_bytes();
    let mut block = Vec::with_capacity(BLOCK + line.len());
    if torn {
        block.push(b'\n');
    }
    for _ in done..last {
        increase(&mut line[2..2 + DIGITS]);
        block.extend_from_slice(&line);
        if block.len() >= BLOCK {
            write(&mut out, &mut block, allowed);
        }
    }
    write(&mut out, &mut block, allowed);
}

/// The last number that was written whole, and whether something cut off stands behind it.
fn written(out: &mut std::fs::File) -> (u64, bool) {
    let mut read = || -> std::io::Result<Vec<u8>> {
        let length = out.seek(SeekFrom::End(0))?;
        out.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        out.take(TAIL).read_to_end(&mut tail)?;
        Ok(tail)
    };
    let tail = read().unwrap_or_else(|error| fail(&format!("cannot read my output: {error}")));
    let torn = tail.last().is_some_and(|last| *last != b'\n');
    let number = tail.split(|byte| *byte == b'\n').rev().find_map(|line| {
        let line = std::str::from_utf8(line).ok()?.strip_suffix(" .")?;
        line.strip_prefix("n ")?.get(..DIGITS)?.parse().ok()
    });
    (number.unwrap_or(0), torn)
}

fn increase(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

fn write(out: &mut std::fs::File, block: &mut Vec<u8>, allowed: &str) {
    let allowed = || -> u64 {
        let text = std::fs::read_to_string(allowed).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    };
    while out.metadata().map_or(0, |file| file.len()) >= allowed() {
        pause(1);
    }
    if out.write_all(block).is_err() {
        std::process::exit(74);
    }
    block.clear();
}
