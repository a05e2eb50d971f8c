//! `ledger export`: all of it as files, and how to verify them with nothing of Azora's.

use super::home::{Home, failed};
use crate::args::LedgerExport;
use crate::fail::{Done, Fail};
// Of entries secrets were hidden before they were written; hashes, signatures and keys look like some.
use crate::terminal::{Paint, Terminal, print_as_it_is as print};
use ledger::{Source, Verifier};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Entries of one question.
const CHUNK: u32 = 8_192;

/// A program that verifies it with nothing of ours.
const SCRIPT: &str = include_str!("../../../../tests/clients/python/ledger.py");

pub(super) async fn export(home: &Home, asked: &LedgerExport) -> Done {
    let folder = &asked.folder;
    let io = |error: io::Error| {
        Fail::failed(format!(
            "failed to write into {}: {error}",
            folder.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(io)?;
    if std::fs::read_dir(folder).map_err(io)?.next().is_some() {
        let folder = folder.display();
        return Err(Fail::usage(format!(
            "{folder} is not empty; name a folder that is not there yet"
        )));
    }
    let (kept, keys) = (home.signed(None).await?, home.trusted(&[]).await?);
    let (_, key, _) = keys.open(&kept.note).map_err(|error| failed(&error))?;
    // It is held against what is written with it.
    let mut verifier = Verifier::new(&keys, std::slice::from_ref(&kept), &[]);
    let mut file = BufWriter::new(File::create(folder.join("entries.ndjson")).map_err(io)?);
    let mut written = 0;
    while written < kept.size {
        let limit = u32::try_from(kept.size - written)
            .unwrap_or(CHUNK)
            .min(CHUNK);
        let some = home
            .after(written, limit)
            .await
            .map_err(|error| failed(&error))?;
        if some.count == 0 {
            break;
        }
        verifier.feed(&some).map_err(|error| failed(&error))?;
        file.write_all(some.text.as_bytes()).map_err(io)?;
        written = some.last;
    }
    file.into_inner()
        .map_err(|error| io(error.into_error()))?
        .sync_all()
        .map_err(io)?;
    let put = |name: &str, text: &str| put(&folder.join(name), text).map_err(io);
    put("checkpoint", &kept.note)?;
    put("public-key", &format!("{}\n", key.text()))?;
    put("verify.py", SCRIPT)?;
    put("README.md", &readme(kept.size, key.text()))?;
    let verdict = verifier.finish().map_err(|error| failed(&error))?;
    let sound = verdict.sound();
    if asked.json.json {
        let folder = folder.display().to_string();
        print(&json!({"folder": folder, "entries": written, "sound": sound}).to_string())?;
    } else {
        print(&format!(
            "{written} entries and their checkpoint are in {}",
            folder.display()
        ))?;
        if !sound {
            let text = "they are not what was signed; `azora ledger verify` says what was found";
            print(&Terminal::stdout().paint(Paint::Bad, text))?;
        }
    }
    match sound {
        true => Ok(()),
        false => Err(Fail::said()),
    }
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn readme(size: u64, key: &str) -> String {
    format!(
        "# A ledger of Azora

- `entries.ndjson`: {size} entries in their order, each canonical JSON (RFC 8785) on a line of its own.
- `checkpoint`: how many they are and the root of their Merkle tree, as a C2SP checkpoint
  (<https://c2sp.org/tlog-checkpoint>): a signed note (<https://c2sp.org/signed-note>), by ed25519.
- `public-key`: the key it is verified with, `NAME+HASH+KEY`. Compare it with what you know of it from elsewhere:

      {key}

The tree is that of RFC 6962: the hash of a leaf is SHA-256 of a byte 0 and the line without its line feed; that of a
node is SHA-256 of a byte 1 and both hashes below it. The root of all {size} lines is the third line of `checkpoint`.

## Verify it without Azora

    python3 -m venv venv && venv/bin/pip install pymerkle cryptography
    venv/bin/python verify.py entries.ndjson checkpoint public-key

Any other tool that knows these forms does as well. It shows that these are the entries that were signed. It does not
show that there were no more of them: for that, hold them against a checkpoint that was kept elsewhere, which is of no
more entries than these and has the root of their beginning.
"
    )
}
