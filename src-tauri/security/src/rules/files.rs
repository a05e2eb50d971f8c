//! Files and folders that Azora acts by: whose they are, and who may write or read them.

use super::{About, Words};
use crate::facts::{Facts, File, FileRole as R};
use model::{Threat, ThreatKind as K, ThreatLevel as L};

/// Permission bits, as stat(2) has them.
const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_READ: u32 = 0o044;
const OTHERS_ENTER: u32 = 0o011;
const OTHERS_WRITE: u32 = 0o002;

/// All of them.
pub(super) fn all(facts: &Facts, found: &mut Vec<Threat>) {
    for file in &facts.files {
        let mut push = |kind, level, what, todo| {
            let words = Words {
                what,
                evidence: vec![seen(file)],
                todo,
            };
            let about = About::cluster(file.cluster.as_ref());
            found.push(about.threat((kind, level), &file.path, facts.at, words));
        };
        let (role, path) = (role(file.role), &file.path);
        if file.user != facts.user && file.user != 0 {
            let what = format!(
                "{role} {path} is user {}'s, who decides what is in it",
                file.user
            );
            let todo = match file.folder {
                true => format!(
                    "`chown {}` the folder, or use one that is your own",
                    facts.user
                ),
                false => format!("`chown {}` the file when you have read it", facts.user),
            };
            push(K::Foreign, if_written(file.role), what, todo);
        }
        if let Some(by) = writers(file, facts) {
            let level = match by {
                Writers::All => if_written(file.role),
                Writers::Group => lower(if_written(file.role)),
            };
            let (who, bits) = match by {
                Writers::All => ("anybody on this machine".to_owned(), "o-w"),
                Writers::Group => (format!("group {}", file.group), "g-w"),
            };
            let what = format!("{role} {path} can be written by {who}");
            push(K::Writable, level, what, format!("`chmod {bits} {path}`"));
        }
        if let Some(level) = if_read(file) {
            let what = format!("{role} {path} can be read by others");
            push(K::Readable, level, what, format!("`chmod go= {path}`"));
        }
    }
}

fn role(role: R) -> &'static str {
    match role {
        R::Definition => "the definition",
        R::Folder => "the folder of a definition",
        R::Above => "a folder above a definition",
        R::Program => "the program",
        R::Secret => "the secret in",
        R::Settings => "the settings",
        R::Constitution => "the constitution",
        R::Home => "the home",
        R::Key => "the key",
        R::Part => "Azora's own",
    }
}

fn seen(file: &File) -> String {
    let File {
        mode, user, group, ..
    } = file;
    let kind = if file.folder { "a folder" } else { "a file" };
    format!("{kind} of user {user}, group {group}, mode {mode:04o}")
}

/// How grave it is when others decide what is in it.
fn if_written(role: R) -> L {
    match role {
        // Whoever writes these makes this user run commands.
        R::Definition | R::Folder | R::Above | R::Program | R::Settings | R::Secret => L::High,
        // What Azora trusts, it trusts because of these.
        R::Constitution | R::Home | R::Key | R::Part => L::Critical,
    }
}

fn lower(level: L) -> L {
    match level {
        L::Critical => L::High,
        L::High => L::Medium,
        _ => L::Low,
    }
}

/// How grave it is when others read it: `None` when they cannot, or may.
fn if_read(file: &File) -> Option<L> {
    let open = match file.folder {
        true => file.mode & (OTHERS_READ | OTHERS_ENTER) != 0,
        false => file.mode & OTHERS_READ != 0,
    };
    match file.role {
        R::Key if open => Some(L::High),
        R::Home | R::Secret if open => Some(L::Medium),
        _ => None,
    }
}

enum Writers {
    All,
    Group,
}

/// Who else may put another in its place, or write into it.
fn writers(file: &File, facts: &Facts) -> Option<Writers> {
    // In such a folder nobody can remove or replace what is another's.
    let kept = file.folder && file.mode & STICKY != 0;
    if kept {
        return None;
    }
    if file.mode & OTHERS_WRITE != 0 {
        return Some(Writers::All);
    }
    // A group of root's, or the user's own, has nobody else in it on the machines there are.
    let own = file.group == facts.group || file.group == 0;
    (file.mode & GROUP_WRITES != 0 && !own).then_some(Writers::Group)
}
