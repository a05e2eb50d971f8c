//! `incidents`, `incident`, `healed`: what failed, what was done about it, and what that comes to.

use crate::args::{Healed, Incident as One, Incidents, Place};
use crate::fail::{Done, Fail};
use crate::past::is_cluster;
use crate::place::{layout, scope};
use crate::table::{Cell, INDENT, cell, lines, table};
use crate::terminal::{Paint, Terminal, plain, print, wrapped};
use crate::text::{clock, length, now, since, with_times};
use crate::whom::services;
use api::client::Client;
use api::requests::{HealedRequest, IncidentRequest, IncidentsRequest};
use model::healed::{Healed as Sums, HealedSum};
use model::{ClusterId, ServiceName};
use model::{EntryKind, Incident, IncidentEntry, IncidentId, IncidentState, IncidentStory};
use model::{Remedy, RemedyOutcome};
use serde_json::json;
use std::time::Duration;

/// As many as the engine answers with.
const ALL: u32 = 10_000;
/// With fewer columns than this a sentence has lines of its own.
const READABLE: usize = 30;

// === incidents ===

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 3] = ["ACTIONS", "TOOK", "OPENED"];

/// `azora incidents`: of the folder's cluster, newest first.
pub(crate) async fn incidents(place: &Place, arguments: &Incidents) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let limit = arguments.recent.limit;
    let from = arguments.since.as_ref();
    let only = of_folder(&client, place, arguments.all).await?;
    let request = IncidentsRequest {
        cluster: only.clone(),
        service: service(arguments.service.as_ref())?,
        open: arguments.open,
        since: from.map(|text| since(text, now())).transpose()?,
        // Which clusters a name means is known here.
        limit: Some(if place.cluster.is_some() { ALL } else { limit }),
    };
    let mut incidents: Vec<Incident> = client.call("incidents", &request).await?;
    if let Some(wanted) = &place.cluster {
        incidents.retain(|incident| is_cluster(incident.cluster.as_str(), wanted));
    }
    // The engine takes none for one.
    incidents.truncate(limit as usize);
    if arguments.recent.json.json {
        print(&with_times(json!(incidents)).to_string())?;
        return Ok(());
    }
    if incidents.is_empty() {
        let of = place.cluster.clone();
        let of = of.or(only.map(|cluster| cluster.to_string()));
        print(&nothing(arguments, of.as_deref()))?;
        return Ok(());
    }
    for line in listed(&incidents, only.is_some(), Terminal::stdout()) {
        print(&line)?;
    }
    Ok(())
}

/// The cluster that is meant, unless one is named, or all of them.
async fn of_folder(client: &Client, place: &Place, all: bool) -> Done<Option<ClusterId>> {
    match all || place.cluster.is_some() {
        true => Ok(None),
        false => scope(client, place).await,
    }
}

/// A row for each, and what those that go on wait for below it: what is to be done next is cut by no
/// terminal. `alone`: they are all of one cluster.
fn listed(incidents: &[Incident], alone: bool, terminal: Terminal) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = incidents.iter().map(|one| row(one, alone)).collect();
    let headings = [
        "ID", "OPENED", "STATE", "TOOK", "INSTANCE", "ACTIONS", "CAUSE",
    ];
    let mut lines = lines(&headings, &rows, &SPARE, terminal).into_iter();
    let mut all = lines.next().unwrap_or_default();
    for (row, incident) in lines.zip(incidents) {
        all.extend(row);
        if let Some(waits) = &incident.waits {
            let room = terminal
                .columns
                .unwrap_or(usize::MAX)
                .saturating_sub(INDENT);
            let waits = wrapped(&plain(&format!("waits for {waits}")), room);
            all.extend(waits.into_iter().map(|line| " ".repeat(INDENT) + &line));
        }
    }
    all
}

fn service(word: Option<&String>) -> Done<Option<ServiceName>> {
    Ok(match word {
        Some(word) => services(std::slice::from_ref(word))?.pop(),
        None => None,
    })
}

/// That there are none, and of which: a filter that finds nothing is no all-clear.
fn nothing(arguments: &Incidents, cluster: Option<&str>) -> String {
    let mut words = vec!["no".to_owned()];
    words.extend(arguments.open.then(|| "open".to_owned()));
    words.push("incidents".to_owned());
    words.extend(arguments.service.as_ref().map(|name| format!("of {name}")));
    words.extend(cluster.map(|name| format!("in {name}")));
    words.extend(arguments.since.as_ref().map(|text| format!("since {text}")));
    words.join(" ")
}

fn paint(state: IncidentState) -> Paint {
    match state {
        IncidentState::Open | IncidentState::Quarantined => Paint::Bad,
        IncidentState::Resolved => Paint::Good,
        IncidentState::Closed => Paint::Faint,
    }
}

fn row(incident: &Incident, alone: bool) -> Vec<Cell> {
    let instance = match alone {
        true => incident.instance.to_string(),
        false => format!("{}/{}", incident.cluster, incident.instance),
    };
    vec![
        cell(incident.id.0.to_string()),
        cell(clock(incident.opened)),
        (incident.state.as_str().to_owned(), paint(incident.state)),
        cell(millis(incident.lasted_ms())),
        cell(instance),
        cell(actions(incident)),
        cell(plain(&incident.cause)),
    ]
}

/// "restart 5, circuit-break, quarantine, a person": what was done, each as often as in a row.
fn actions(incident: &Incident) -> String {
    let mut rows: Vec<(&str, u32)> = Vec::new();
    for action in &incident.actions {
        match rows.last_mut() {
            Some((kind, times)) if *kind == action.kind.as_str() => *times += 1,
            _ => rows.push((action.kind.as_str(), 1)),
        }
    }
    let ended = !incident.state.unended();
    let each = rows.into_iter().map(|(kind, times)| match times {
        1 => kind.to_owned(),
        times => format!("{kind} {times}"),
    });
    let mut each: Vec<String> = each.collect();
    each.extend((incident.person && ended).then(|| "a person".to_owned()));
    match each.is_empty() {
        true => "-".to_owned(),
        false => each.join(", "),
    }
}

/// "restart 1 of 9 (worked 3 of 4 times before when checks failed, act 12): it worked".
fn weighed(remedy: &Remedy) -> Option<String> {
    let (cause, known) = (remedy.cause?, remedy.confidence?);
    let act = remedy.act.map(|act| format!(", act {}", act.0));
    let outcome = remedy
        .outcome
        .map_or("it is not known yet", RemedyOutcome::words);
    Some(format!(
        "{} ({}{}): {outcome}",
        plain(&remedy.detail),
        known.words(cause),
        act.unwrap_or_default()
    ))
}

fn millis(millis: Option<u64>) -> String {
    millis.map_or("-".to_owned(), |millis| {
        length(Duration::from_millis(millis))
    })
}

// === incident ===

/// `azora incident ID`: its story.
pub(crate) async fn incident(place: &Place, arguments: &One) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let request = IncidentRequest {
        id: IncidentId(arguments.id),
    };
    let story: IncidentStory = client.call("incident", &request).await?;
    if arguments.json.json {
        print(&with_times(json!(story)).to_string())?;
        return Ok(());
    }
    let head = &story.incident;
    let muted = match head.state.unended() {
        true => crate::mutes::note_of(&client, &head.cluster, &head.service).await,
        false => None,
    };
    for line in told(&story, muted, Terminal::stdout()) {
        print(&line)?;
    }
    Ok(())
}

/// The story in lines that fit the terminal; and by what it is muted.
fn told(story: &IncidentStory, muted: Option<String>, terminal: Terminal) -> Vec<String> {
    let incident = &story.incident;
    let columns = terminal.columns.unwrap_or(usize::MAX);
    let state = terminal.paint(paint(incident.state), incident.state.as_str());
    let mut lines = vec![format!(
        "incident {}  {state}  {}",
        incident.id.0, incident.cluster
    )];
    lines.extend(wrapped(&plain(&incident.cause), columns));
    lines.push(String::new());
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let (Some(began), Some(by)) = (incident.began, incident.began_by) {
        facts.push(("began", format!("{}, {}", clock(began), by.words())));
    }
    let detected = incident
        .detect_ms
        .map(|took| format!(", {} later", length(Duration::from_millis(took))));
    let opened = clock(incident.opened);
    facts.push((
        "detected",
        format!("{opened}{}", detected.unwrap_or_default()),
    ));
    if let Some(resolved) = incident.resolved {
        let what = match incident.state {
            IncidentState::Resolved => "recovered",
            _ => "closed",
        };
        let took = millis(incident.duration_ms);
        let lasted = match incident.detect_ms {
            None | Some(0) => String::new(),
            Some(_) => format!(", {} after it began", millis(incident.lasted_ms())),
        };
        let when = clock(resolved);
        facts.push((
            what,
            format!("{when}, {took} after it was detected{lasted}"),
        ));
    }
    if !incident.impacted.is_empty() {
        let names: Vec<&str> = incident.impacted.iter().map(|name| name.as_str()).collect();
        facts.push(("impacted", names.join(", ")));
    }
    let tried = incident.actions.iter().filter_map(weighed);
    facts.extend(tried.map(|one| ("tried", one)));
    if let Some(waits) = &incident.waits {
        facts.push(("waits for", plain(waits)));
    }
    facts.extend(muted.map(|by| ("muted", by)));
    for (name, fact) in facts {
        lines.extend(beside(&format!("{name:<10}"), &fact, columns));
    }
    lines.push(String::new());
    if story.timeline.is_empty() {
        lines.push("nothing more is kept of it".to_owned());
    }
    let mut day = String::new();
    for row in rows(&story.timeline) {
        let entry = match row {
            Row::Entry(entry) => entry,
            Row::Missing(gone) => {
                let text = format!("… {gone} entries are not kept");
                lines.push(terminal.paint(Paint::Faint, &text));
                continue;
            }
        };
        let at = clock(entry.at);
        let (date, time) = at.split_once(' ').unwrap_or(("", &at));
        if date != day {
            date.clone_into(&mut day);
            lines.push(terminal.paint(Paint::Faint, date));
        }
        let head = format!("{time}  {:<10}  ", entry.kind.as_str());
        let mut beside = beside(&head, &plain(&entry.text), columns).into_iter();
        if let Some(first) = beside.next() {
            let (head, text) = first.split_at(head.len().min(first.len()));
            let head = terminal.paint(mood(entry), head);
            lines.push(format!("{head}{text}"));
        }
        lines.extend(beside);
    }
    lines
}

/// A line of a timeline, or a gap.
enum Row<'a> {
    Entry(&'a IncidentEntry),
    /// So many are not kept.
    Missing(u32),
}

/// The lines, with the gaps between them. What a service had written is read when it has failed, and
/// stands where it was written; all else stays in the order in which it was noted, whatever the clock did.
fn rows(timeline: &[IncidentEntry]) -> Vec<Row<'_>> {
    let mut rows = Vec::with_capacity(timeline.len());
    let mut next = 1;
    for entry in timeline {
        if entry.n > next {
            rows.push(Row::Missing(entry.n - next));
        }
        next = entry.n.saturating_add(1);
        let later = |row: &&Row<'_>| matches!(row, Row::Entry(other) if other.at > entry.at);
        let above = match entry.kind {
            EntryKind::Log => rows.iter().rev().take_while(later).count(),
            _ => 0,
        };
        rows.insert(rows.len() - above, Row::Entry(entry));
    }
    rows
}

fn mood(entry: &IncidentEntry) -> Paint {
    match entry.kind {
        EntryKind::Exit | EntryKind::Opened | EntryKind::Quarantine => Paint::Bad,
        EntryKind::Probe | EntryKind::Impact | EntryKind::Hold | EntryKind::Circuit => Paint::Warn,
        EntryKind::Remedy | EntryKind::Outcome | EntryKind::Release => Paint::Busy,
        EntryKind::Ended | EntryKind::Relief => Paint::Good,
        EntryKind::Log | EntryKind::Root | EntryKind::Engine => Paint::Faint,
    }
}

/// A text beside its head, and its further lines below its first one.
fn beside(head: &str, text: &str, columns: usize) -> Vec<String> {
    let indent = head.chars().count();
    let room = columns.saturating_sub(indent);
    if room < READABLE {
        let mut lines = vec![head.trim_end().to_owned()];
        let text = wrapped(text, columns.saturating_sub(2));
        lines.extend(text.into_iter().map(|line| format!("  {line}")));
        return lines;
    }
    let lines = wrapped(text, room).into_iter().enumerate();
    let lines = lines.map(|(at, line)| match at {
        0 => format!("{head}{line}"),
        _ => format!("{:indent$}{line}", ""),
    });
    lines.collect()
}

// === healed ===

/// `azora healed`: what healing did, by service.
pub(crate) async fn healed(place: &Place, arguments: &Healed) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let mut request = HealedRequest {
        since: since(&arguments.since, now())?,
        cluster: of_folder(&client, place, arguments.all).await?,
        service: service(arguments.service.as_ref())?,
    };
    let mut sums: Sums = client.call("healed", &request).await?;
    if let Some(wanted) = &place.cluster {
        let mut ids = sums.services.iter().map(|one| &one.cluster);
        request.cluster = ids.find(|id| is_cluster(id.as_str(), wanted)).cloned();
        sums = match &request.cluster {
            Some(_) => client.call("healed", &request).await?,
            None => Sums::of(&[], &[], sums.from, sums.to),
        };
    }
    if arguments.json.json {
        print(&with_times(json!(sums)).to_string())?;
        return Ok(());
    }
    let mut of = match &arguments.service {
        Some(name) => format!(" of {name}"),
        None => String::new(),
    };
    of.extend(
        request
            .cluster
            .iter()
            .map(|cluster| format!(" in {cluster}")),
    );
    let from = clock(sums.from);
    if sums.total.incidents == 0 && sums.total.restarts == 0 {
        print(&format!(
            "nothing failed{of} since {from}, and healing had nothing to do"
        ))?;
        return Ok(());
    }
    print(&sentence(&sums.total, &from))?;
    print("")?;
    let headings = [
        "INCIDENTS",
        "HEALED",
        "PERSON",
        "RESTARTS",
        "ADDED",
        "QUARANTINES",
        "P50",
        "LONGEST",
        "SERVICE",
    ];
    let rows: Vec<Vec<Cell>> = sums
        .services
        .iter()
        .map(|one| {
            let mut row = sum_row(&one.sum);
            row.push(cell(match &request.cluster {
                Some(_) => one.service.to_string(),
                None => format!("{}/{}", one.cluster, one.service),
            }));
            row
        })
        .collect();
    let spare = ["ADDED", "QUARANTINES", "LONGEST", "P50", "RESTARTS"];
    for line in table(&headings, &rows, &spare, Terminal::stdout()) {
        print(&line)?;
    }
    if sums.total.person > 0 {
        print("")?;
        print("`azora incidents` says which needed a person, `azora incident ID` why")?;
    }
    Ok(())
}

fn sum_row(sum: &HealedSum) -> Vec<Cell> {
    let count = |count: u32, paint| match count {
        0 => ("-".to_owned(), Paint::None),
        count => (count.to_string(), paint),
    };
    vec![
        count(sum.incidents, Paint::None),
        count(sum.healed, Paint::Good),
        count(sum.person, Paint::Bad),
        count(sum.restarts, Paint::None),
        count(sum.added, Paint::None),
        count(sum.quarantines, Paint::Bad),
        cell(millis(sum.recover_p50_ms)),
        cell(millis(sum.longest_ms)),
    ]
}

/// "14 incidents since 2026-11-21 14:00:00: 12 were healed (half within 1.2 s), 2 needed a person, 1 is
/// open".
fn sentence(sum: &HealedSum, from: &str) -> String {
    let were = |count: u32| if count == 1 { "was" } else { "were" };
    let all = match sum.incidents {
        1 => "1 incident".to_owned(),
        many => format!("{many} incidents"),
    };
    let mut parts = Vec::new();
    let half = sum.recover_p50_ms;
    let half = half.map(|half| format!(" (half within {})", millis(Some(half))));
    parts.push(format!(
        "{} {} healed{}",
        sum.healed,
        were(sum.healed),
        half.unwrap_or_default()
    ));
    if sum.person > 0 {
        parts.push(format!("{} needed a person", sum.person));
    }
    if sum.quarantined > 0 {
        let wait = if sum.quarantined == 1 {
            "waits"
        } else {
            "wait"
        };
        parts.push(format!("{} {wait} in quarantine", sum.quarantined));
    }
    if sum.open > 0 {
        let are = if sum.open == 1 { "goes on" } else { "go on" };
        parts.push(format!("{} {are}", sum.open));
    }
    format!("{all} since {from}: {}", parts.join(", "))
}

/// A number that is not one is not understood, as any other mistake on the command line.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let digits = text.trim_start_matches('#');
    let number = digits.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        Fail::usage("it is a number from 1, as `azora incidents` lists them").message
    })
}

#[cfg(test)]
mod tests;
