//! `ledger`: shows, verifies, proves and exports the ledger of a home. Through its engine where one runs, page by page,
//! and from its files where none does; either way it is verified here, and nobody's word is taken.

mod export;
mod home;
mod show;

use crate::args::{Ledger, LedgerCheckpoint, LedgerCommand, LedgerProve, LedgerVerify, Place};
use crate::fail::{Done, Fail, story};
use crate::place;
// Of entries secrets were hidden before they were written; hashes, signatures and keys look like some.
use crate::terminal::{Paint, Terminal, note, plain, print_as_it_is as print};
use crate::text::{ago, now, with_times};
use driver::Layout;
use home::{Home, failed};
use ledger::{
    Fault, Kept, Outside, Verdict, consistency, inclusion, read_note, verify, write_note,
};
use model::ledger::{LedgerPlace, LedgerView};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Checkpoints of one folder.
const MOST: usize = 10_000;

/// `azora ledger`.
pub(crate) async fn ledger(place: &Place, arguments: &Ledger) -> Done {
    place::no_cluster(place, "a ledger is the home's")?;
    let layout = place::layout(place)?;
    let home = Home::open(&layout).await?;
    match &arguments.command {
        LedgerCommand::Show(asked) => show::show(&home, asked).await,
        LedgerCommand::Verify(asked) => verified(&home, &layout, asked).await,
        LedgerCommand::Prove(asked) => proven(&home, asked).await,
        LedgerCommand::Export(asked) => export::export(&home, asked).await,
        LedgerCommand::Checkpoint(asked) => checkpoint(&home, asked).await,
    }
}

/// How it stands, in a line or some.
fn stand(view: &LedgerView) -> Vec<String> {
    let mut lines = Vec::new();
    lines.push(match &view.checkpoint {
        None => format!("{} entries, none is signed yet", view.entries),
        Some(checkpoint) => {
            let ago = ago(checkpoint.at, now());
            match view.entries.saturating_sub(view.signed) {
                0 => format!("{} entries, all of them signed, {ago} ago", view.entries),
                more => format!(
                    "{} entries, signed up to {}, {ago} ago; {more} came after that",
                    view.entries, view.signed
                ),
            }
        }
    });
    let terminal = Terminal::stdout();
    for wrong in [&view.doubt, &view.trouble].into_iter().flatten() {
        lines.push(terminal.paint(Paint::Bad, &plain(wrong)));
    }
    lines.extend(view.places.iter().map(|place| kept(place, terminal)));
    lines
}

/// What is kept in a second place.
fn kept(place: &LedgerPlace, terminal: Terminal) -> String {
    let name = plain(&place.place);
    match (&place.trouble, place.size, place.at) {
        (Some(trouble), ..) => terminal.paint(Paint::Bad, &plain(trouble)),
        (None, size @ 1.., Some(at)) => {
            let ago = ago(at, now());
            format!("the checkpoint of {size} entries is kept in {name}, {ago} ago")
        }
        _ => format!("no checkpoint was brought to {name} yet"),
    }
}

// === verify ===

async fn verified(home: &Home, layout: &Layout, asked: &LedgerVerify) -> Done {
    let mut outside = elsewhere(&asked.checkpoint)?;
    let (view, keys) = (home.stands().await?, home.trusted(&asked.public_key).await?);
    // Before the entries are read: what is signed meanwhile must not be taken for a cut end.
    let kept = engine::kept_elsewhere(layout, &keys, view.signed > 0).await;
    outside.extend(kept.notes);
    let mut progress = Progress::new(view.entries);
    let verdict = verify(home, &keys, &outside, |done| progress.draw(done)).await;
    progress.clear();
    let mut verdict = verdict.map_err(|error| failed(&error))?;
    verdict.faults.extend(kept.faults);
    let mut cannot = cannot(&verdict);
    cannot.extend(kept.cannot);
    if asked.json.json {
        print(&verdict_json(&verdict, &cannot).to_string())?;
    } else {
        for line in told(&verdict, &cannot, Terminal::stdout()) {
            print(&line)?;
        }
    }
    match verdict.sound() {
        true => Ok(()),
        false => Err(Fail::said()),
    }
}

fn verdict_json(verdict: &Verdict, cannot: &[String]) -> Value {
    let finding = |fault: &Fault| {
        let (from, to) = fault.range();
        json!({"kind": fault.kind(), "first": from, "last": to, "text": fault.to_string()})
    };
    let findings: Vec<Value> = verdict.faults.iter().map(finding).collect();
    json!({
        "sound": verdict.sound(),
        "entries": verdict.entries,
        "signed": verdict.signed,
        "checkpoints": verdict.checkpoints,
        "outside": verdict.outside,
        "root": verdict.root,
        "findings": findings,
        "more": verdict.more,
        "cannot": cannot,
    })
}

/// What this cannot show, however sound it is.
fn cannot(verdict: &Verdict) -> Vec<String> {
    let mut all = Vec::new();
    let after = verdict.entries.saturating_sub(verdict.signed);
    if after > 0 && verdict.sound() {
        all.push(format!(
            "whether the {after} entries after {} are as they were written: they are not signed yet",
            verdict.signed
        ));
    }
    if verdict.outside == 0 {
        all.push(
            "whether the end was cut off together with its checkpoints, or another past was signed with the home's own \
             key: give a checkpoint that was kept elsewhere, with --checkpoint, or name a second place for them in \
             settings.toml"
                .to_owned(),
        );
    }
    all.push("whether what an entry says was true, or what was done past the door".to_owned());
    all
}

fn told(verdict: &Verdict, cannot: &[String], terminal: Terminal) -> Vec<String> {
    let Verdict {
        entries,
        signed,
        checkpoints,
        outside,
        ..
    } = verdict;
    let many = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let held = match outside {
        0 => many(*checkpoints, "checkpoint"),
        more => format!(
            "{} of its own and {more} from elsewhere",
            many(*checkpoints, "checkpoint")
        ),
    };
    let mut lines = vec![format!(
        "{} held against {held}",
        match entries {
            1 => "1 entry".to_owned(),
            many => format!("{many} entries"),
        }
    )];
    lines.push(match (verdict.sound(), signed) {
        (true, 0) => terminal.paint(
            Paint::Warn,
            "sound as far as can be seen: none of it is signed",
        ),
        (true, signed) => terminal.paint(
            Paint::Good,
            &format!("sound: entries 1 to {signed} are what was signed"),
        ),
        (false, _) => terminal.paint(Paint::Bad, "not sound:"),
    });
    let faults = verdict.faults.iter().zip(1..);
    lines.extend(faults.map(|(fault, n)| format!("  {n}. {}", plain(&fault.to_string()))));
    if verdict.more > 0 {
        lines.push(format!("  and {} more", verdict.more));
    }
    lines.push("This cannot show:".to_owned());
    lines.extend(cannot.iter().map(|what| format!("  - {what}")));
    lines
}

/// Checkpoints that were kept elsewhere.
fn elsewhere(paths: &[PathBuf]) -> Done<Vec<Outside>> {
    let mut all = Vec::new();
    for path in paths {
        let failed = |error: std::io::Error| {
            Fail::absent(format!("failed to read {}: {error}", path.display()))
        };
        if !path.is_dir() {
            all.push(outside(path).map_err(failed)?);
            continue;
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .map_err(failed)?
            .flatten()
            .map(|file| file.path())
            .filter(|file| file.extension().is_some_and(|end| end == "checkpoint"))
            .take(MOST)
            .collect();
        if files.is_empty() {
            let path = path.display();
            return Err(Fail::absent(format!("no *.checkpoint is in {path}")));
        }
        files.sort();
        for file in files {
            all.push(outside(&file).map_err(failed)?);
        }
    }
    Ok(all)
}

fn outside(path: &Path) -> std::io::Result<Outside> {
    let note = read_note(path)?.ok_or(std::io::ErrorKind::NotFound)?;
    Ok(Outside {
        name: path.display().to_string(),
        note,
    })
}

/// How far it is, while somebody looks.
struct Progress {
    all: u64,
    drawn: Option<u64>,
    terminal: Terminal,
}

impl Progress {
    fn new(all: u64) -> Self {
        Self {
            all: all.max(1),
            drawn: None,
            terminal: Terminal::stderr(),
        }
    }

    fn draw(&mut self, done: u64) {
        const WIDTH: usize = 30;
        let percent = (done.saturating_mul(100) / self.all).min(100);
        if !self.terminal.live || self.drawn == Some(percent) {
            return;
        }
        self.drawn = Some(percent);
        let full = usize::try_from(percent).unwrap_or(100) * WIDTH / 100;
        let bar = "█".repeat(full) + &"░".repeat(WIDTH - full);
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[Kverifying {bar} {percent:3} %");
        let _ = stderr.flush();
    }

    fn clear(&self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

// === prove ===

async fn proven(home: &Home, asked: &LedgerProve) -> Done {
    let keys = home.trusted(&[]).await?;
    let proof = match (asked.consistency.as_slice(), asked.n) {
        ([from, to], _) => {
            let kept = home.signed(Some(*to)).await?;
            json!(
                consistency(home, &keys, *from, &kept)
                    .await
                    .map_err(|error| failed(&error))?
            )
        }
        (_, Some(n)) => {
            let kept = home.signed(asked.at).await?;
            json!(
                inclusion(home, &keys, &kept, n, None)
                    .await
                    .map_err(|error| failed(&error))?
            )
        }
        _ => return Err(Fail::usage("name an entry, or --consistency A B")),
    };
    let text = match asked.json.json {
        true => Ok(proof.to_string()),
        false => serde_json::to_string_pretty(&proof),
    };
    let text = text.map_err(|error| Fail::failed(format!("failed to write the proof: {error}")))?;
    Ok(print(&text)?)
}

// === checkpoint ===

async fn checkpoint(home: &Home, asked: &LedgerCheckpoint) -> Done {
    let (kept, view) = (home.signed(None).await?, home.stands().await?);
    if let Some(path) = &asked.write {
        write(home, &kept, path).await?;
    }
    let after = view.entries.saturating_sub(kept.size);
    if asked.json.json {
        let path = asked.write.as_ref().map(|path| path.display().to_string());
        let value = json!({
            "size": kept.size, "at": kept.at, "note": kept.note, "after": after, "written": path,
            "places": view.places,
        });
        return Ok(print(&with_times(value).to_string())?);
    }
    match &asked.write {
        Some(path) => {
            let more = match after {
                0 => String::new(),
                more => format!("; {more} came after that"),
            };
            let path = path.display();
            print(&format!(
                "the checkpoint of {} entries is in {path}{more}",
                kept.size
            ))?;
        }
        None => print(kept.note.trim_end_matches('\n'))?,
    }
    // Apart from the note, which may be on its way into a file.
    for place in &view.places {
        note(&self::kept(place, Terminal::stderr()));
    }
    Ok(())
}

/// Writes it whole or not at all. What lies there is evidence: it gives way only to more of the same.
async fn write(home: &Home, kept: &Kept, path: &Path) -> Done {
    let unable = |error: std::io::Error| {
        Fail::failed(format!(
            "failed to write {}: {}",
            path.display(),
            story(&error)
        ))
    };
    if let Some(there) = read_note(path).map_err(unable)? {
        let keys = home.trusted(&[]).await?;
        let stand = ledger::stand(home, &keys, &there, kept).await;
        let stand = stand.map_err(|error| {
            Fail::failed(format!(
                "{} holds something else than a checkpoint of this ledger ({}); name another file",
                path.display(),
                story(&error)
            ))
        })?;
        let path = path.display().to_string();
        if let Some(why) = stand.contradicts(&path) {
            return Err(Fail::failed(format!(
                "{why}. `azora ledger verify --checkpoint {path}` says more; nothing was written"
            )));
        }
    }
    write_note(path, &kept.note).map_err(unable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(faults: Vec<Fault>) -> Verdict {
        Verdict {
            entries: 50,
            signed: 40,
            checkpoints: 2,
            outside: 0,
            root: "x".into(),
            faults,
            more: 0,
        }
    }

    #[test]
    fn a_verdict_says_what_it_cannot_show_and_findings_are_numbered() {
        let plain = Terminal {
            live: false,
            colour: false,
            columns: None,
            rows: 24,
        };
        let sound = verdict(vec![]);
        let lines = told(&sound, &cannot(&sound), plain).join("\n");
        assert!(
            lines.contains("50 entries held against 2 checkpoints"),
            "{lines}"
        );
        assert!(
            lines.contains("sound: entries 1 to 40 are what was signed"),
            "{lines}"
        );
        assert!(lines.contains("the 10 entries after 40"), "{lines}");
        assert!(lines.contains("with --checkpoint"), "{lines}");
        let wrong = verdict(vec![Fault::Gap { from: 3, to: 4 }]);
        let lines = told(&wrong, &cannot(&wrong), plain).join("\n");
        assert!(
            lines.contains("not sound:\n  1. entries 3 to 4 are missing"),
            "{lines}"
        );
        let value = verdict_json(&wrong, &cannot(&wrong));
        let finding =
            json!({"kind": "gap", "first": 3, "last": 4, "text": "entries 3 to 4 are missing"});
        assert_eq!(
            (&value["sound"], &value["findings"][0]),
            (&json!(false), &finding)
        );
    }
}
