//! Asking a person before a folder is run: what it executes as them, and what of it is as good as root.

use crate::args::Up;
use crate::fail::Done;
use crate::terminal::{self, Paint, Terminal, note, plain};
use crate::watch::Interrupts;
use model::view::FolderView;
use std::io::IsTerminal;

/// Lines shown of each list; more are counted.
const SHOWN_COMMANDS: usize = 60;

/// Whether somebody is there who can be asked.
pub(crate) fn terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether they want to be, of a folder that was never run. Elsewhere, typing the command is the answer.
pub(crate) fn asks(arguments: &Up) -> bool {
    let trusted = std::env::var_os("AZORA_TRUST").is_some_and(|value| value == "1");
    !arguments.yes && !trusted
}

/// Shows what a folder that was never run here executes, and what of it has to be allowed, and asks whether it may.
pub(crate) async fn consent(
    folder: &str,
    view: &FolderView,
    unknown: bool,
    interrupts: &mut Interrupts,
) -> Done<bool> {
    let terminal = Terminal::stderr();
    if unknown {
        let heading = format!("{} was never run here. As you, it executes:", plain(folder));
        listed(&terminal, &heading, &view.commands);
    }
    if !view.risks.is_empty() {
        let heading = "These make a container as good as root on this machine:";
        listed(&terminal, heading, &view.risks);
    }
    tokio::select! {
        by = interrupts.next() => {
            // The question stands at the end of its line.
            note("");
            Err(by.fail("nothing was run"))
        }
        answer = terminal::ask("Run it?") => Ok(answer == Some(true)),
    }
}

/// A heading and lines under it, not too many of them.
fn listed(terminal: &Terminal, heading: &str, lines: &[String]) {
    note(&terminal.paint(Paint::Strong, heading));
    for line in lines.iter().take(SHOWN_COMMANDS) {
        note(&format!("  {}", plain(line)));
    }
    if let Some(more @ 1..) = lines.len().checked_sub(SHOWN_COMMANDS) {
        note(&format!(
            "  … and {more} more; `azora check` and the file itself show all"
        ));
    }
}
