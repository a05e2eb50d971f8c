//! `policy`: the rules of a home and of a project, read and asked here. None of it needs an engine.

use crate::args::{
    Place, Policy, PolicyCheck, PolicyCommand, PolicyExplain, PolicyShow, PolicyTest,
};
use crate::definition;
use crate::fail::{Done, Fail};
use crate::place;
use crate::terminal::{Paint, Terminal, note, plain, print};
use model::{ClusterId, Verb};
use policy::{FILE, Policies, Question, Rules, Subject, Verdict, Who};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Width of diagnostics where there is no terminal.
const USUAL_WIDTH: usize = 100;
/// What cannot be used when something is wrong.
const RULES: &str = "these rules";

/// A file of rules that was found.
struct Found {
    /// As messages name it; `None`: the built-in ones.
    file: Option<String>,
    bytes: Vec<u8>,
    project: bool,
}

/// `azora policy`.
pub(crate) fn policy(place: &Place, arguments: &Policy) -> Done {
    place::no_cluster(place, "rules are those of the home and of a folder")?;
    match &arguments.command {
        PolicyCommand::Show(show) => self::show(place, show),
        PolicyCommand::Check(check) => self::check(place, check),
        PolicyCommand::Explain(asked) => explain(place, asked),
        PolicyCommand::Test(test) => self::test(place, test),
    }
}

impl Found {
    fn built_in() -> Self {
        Self {
            file: None,
            bytes: policy::DEFAULT.into(),
            project: false,
        }
    }

    fn rules(&self) -> Result<Rules, spec::Diagnostics> {
        match &self.file {
            None => Ok(Rules::built_in()),
            Some(file) if self.project => Rules::of_project(file, &self.bytes),
            Some(file) => Rules::of_home(file, &self.bytes),
        }
    }

    /// The rules, or what is wrong with them.
    fn checked(&self) -> Done<Rules> {
        self.rules().map_err(|problems| wrong(RULES, &problems))
    }

    fn whose(&self) -> &'static str {
        match (&self.file, self.project) {
            (None, _) => "built-in",
            (Some(_), true) => "project",
            (Some(_), false) => "home",
        }
    }
}

/// What is wrong, with lines and carets.
fn wrong(what: &str, problems: &spec::Diagnostics) -> Fail {
    let terminal = Terminal::stderr();
    let text = problems.render(terminal.columns.unwrap_or(USUAL_WIDTH), terminal.colour);
    Fail::definition(format!("{what} cannot be used\n{}", text.trim_end()))
}

/// The bytes of a file, one more than the limit at most; `None` where there is none.
fn bytes(path: &Path, most: usize) -> Done<Option<Vec<u8>>> {
    let failed = |error: &dyn std::fmt::Display| {
        Fail::absent(format!("failed to read {}: {error}", path.display()))
    };
    match std::fs::metadata(path) {
        // Opening a pipe would wait for somebody to write into it.
        Ok(found) if !found.is_file() => return Err(failed(&"it is no file")),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    Ok(Some(bytes))
}

fn found(path: &Path, project: bool) -> Done<Option<Found>> {
    Ok(bytes(path, policy::limits::MAX_BYTES)?.map(|bytes| Found {
        file: Some(path.display().to_string()),
        bytes,
        project,
    }))
}

/// The rules of the home.
fn of_home(place: &Place) -> Done<Found> {
    let path = place::layout(place)?.home().join(FILE);
    Ok(found(&path, false)?.unwrap_or_else(Found::built_in))
}

/// What the project here adds, if anything.
fn of_project(place: &Place) -> Done<Option<Found>> {
    let here = place::folder(place)?;
    match definition::nearest(&here) {
        Some(folder) => found(&folder.join(FILE), true),
        None => Ok(None),
    }
}

/// The one named, from the folder that is meant.
fn named(place: &Place, file: &Path) -> Done<PathBuf> {
    Ok(place::folder(place)?.join(file))
}

fn absent(path: &Path) -> Fail {
    Fail::absent(format!("there is no {}", path.display()))
}

fn show(place: &Place, PolicyShow { built_in, json }: &PolicyShow) -> Done {
    let home = match built_in {
        // A shell has made the file that this is written to already, which may be the home's.
        true => Found::built_in(),
        false => of_home(place)?,
    };
    if !json.json {
        let text = String::from_utf8_lossy(&home.bytes);
        for line in text.lines() {
            print(&plain(line))?;
        }
        if home.rules().is_err() {
            note(
                "these have mistakes (`azora policy check`): an engine that runs goes on with those it read before, and \
                 one that is started now lets only people take load away",
            );
        }
        return Ok(());
    }
    let rules = home.checked()?;
    let policies = Policies::new(rules.clone(), BTreeMap::new());
    let list: Vec<Value> = rules
        .list()
        .map(|(id, says, allows)| json!({"id": id, "says": says, "allows": allows}))
        .collect();
    print(&json!({"file": home.file, "set": policies.hash(), "rules": list}).to_string())?;
    Ok(())
}

fn check(place: &Place, arguments: &PolicyCheck) -> Done {
    let files = match &arguments.file {
        Some(file) => {
            let path = named(place, file)?;
            let beside = path
                .parent()
                .is_some_and(|folder| !engine::definition::files(folder).is_empty());
            let project = arguments.project || beside;
            vec![found(&path, project)?.ok_or_else(|| absent(&path))?]
        }
        None => {
            let project = of_project(place)?;
            [of_home(place)?].into_iter().chain(project).collect()
        }
    };
    let (mut good, mut bad) = (Vec::new(), None::<spec::Diagnostics>);
    for file in &files {
        match (file.rules(), &mut bad) {
            (Ok(rules), _) => good.push((file, rules.len())),
            (Err(problems), Some(bad)) => bad.append(problems),
            (Err(problems), none) => *none = Some(problems),
        }
    }
    if arguments.json.json {
        let files: Vec<Value> = good
            .iter()
            .map(|(file, rules)| json!({"file": file.file, "whose": file.whose(), "rules": rules}))
            .collect();
        let problems = bad
            .as_ref()
            .map(definition::problems_json)
            .unwrap_or_default();
        let unshown = bad.as_ref().map_or(0, spec::Diagnostics::unshown);
        let value =
            json!({"ok": bad.is_none(), "files": files, "problems": problems, "unshown": unshown});
        print(&value.to_string())?;
        return match bad {
            Some(_) => Err(Fail::definition("")),
            None => Ok(()),
        };
    }
    for (file, rules) in good {
        let rules = match rules {
            1 => "1 rule".to_owned(),
            many => format!("{many} rules"),
        };
        let whose = match (&file.file, file.project) {
            (None, _) => "built in, for this home has none of its own".to_owned(),
            (Some(path), true) => format!("of a project, which may only forbid: {path}"),
            (Some(path), false) => format!("of a home: {path}"),
        };
        print(&plain(&format!("ok: {rules} {whose}")))?;
    }
    bad.map_or(Ok(()), |problems| Err(wrong(RULES, &problems)))
}

/// The rules of the home with those of the project here, and the cluster that these speak of. No rule of a
/// project tells clusters apart, so it need not be the real one.
fn policies(place: &Place, home: &Found) -> Done<(Policies, ClusterId)> {
    let cluster: ClusterId = "here"
        .parse()
        .map_err(|error| Fail::failed(format!("{error}")))?;
    let project = of_project(place)?
        .map(|found| found.checked())
        .transpose()?;
    let projects = project.map(|rules| (cluster.clone(), rules)).into_iter();
    Ok((Policies::new(home.checked()?, projects.collect()), cluster))
}

fn explain(place: &Place, asked: &PolicyExplain) -> Done {
    let verb = verb(&asked.verb)?;
    let (policies, cluster) = policies(place, &of_home(place)?)?;
    let here = place::folder(place)?;
    let definition = match definition::nearest(&here) {
        Some(folder) => {
            let read = definition::find(Some(folder), &here)?;
            Some(read.checked(&spec::Choice::default())?.cluster)
        }
        None => None,
    };
    let services = definition.iter().flat_map(|one| &one.services);
    let of_service = |(name, service): (&model::ServiceName, &spec::Service)| {
        (
            name.to_string(),
            service.category.clone(),
            service.protected,
        )
    };
    let mut services: Vec<_> = services
        .map(|(name, one)| of_service((name, one)))
        .collect();
    if let Some(wanted) = &asked.service {
        services.retain(|(name, ..)| name == wanted);
        if services.is_empty() {
            let what = format!("no service {} is defined here", plain(wanted));
            return Err(Fail::absent(what));
        }
    }
    let name = definition.as_ref().map_or("", |one| one.name.as_str());
    let whole = match (&asked.service, &definition) {
        (Some(_), _) => None,
        (None, Some(_)) if !of_home_as_such(verb) => Some(Subject::Cluster { id: &cluster, name }),
        (None, _) => Some(Subject::Home),
    };
    let parts = services
        .iter()
        .map(|(service, category, protected)| Subject::Service {
            cluster: &cluster,
            cluster_name: name,
            name: service,
            category,
            protected: *protected,
        });
    let every = asked.service.is_some() || !of_home_as_such(verb) || verb == Verb::EmergencyStop;
    let subjects = whole.into_iter().chain(parts.filter(|_| every));
    let who = Who::from(asked.who);
    let question = Question {
        who,
        via: who.usual_via(),
        verb,
        subject: Subject::Home,
        approvals: asked.approvals,
    };
    let decision = policies.decide_all(&question, subjects);
    // These two are never refused, whatever the rules say.
    let always = who == Who::Person && matches!(verb, Verb::EmergencyStop | Verb::Shutdown);
    let (word, paint) = match decision.verdict {
        _ if always => ("allowed", Paint::Good),
        Verdict::Allowed => ("allowed", Paint::Good),
        Verdict::Refused => ("refused", Paint::Bad),
        Verdict::NeedsApproval { .. } => ("needs-approval", Paint::Warn),
    };
    if asked.json.json {
        let rules: Vec<Value> = decision
            .rules()
            .iter()
            .map(|rule| json!({"id": rule.id, "says": rule.says, "project": rule.project}))
            .collect();
        let value = json!({
            "who": who.name(), "verb": verb.name(), "service": asked.service, "verdict": word,
            "rules": rules, "facts": decision.decided.facts, "set": decision.decided.set, "why": decision.why(),
        });
        print(&value.to_string())?;
        return Ok(());
    }
    let terminal = Terminal::stdout();
    let why = plain(&decision.why());
    print(&format!("{}: {why}", terminal.paint(paint, word)))?;
    if always && !decision.allows() {
        note("a person's emergency stop and shutdown are never refused");
    }
    Ok(())
}

/// What is done to a home, and to no cluster of it.
fn of_home_as_such(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::EmergencyStop
            | Verb::Shutdown
            | Verb::Resume
            | Verb::Register
            | Verb::Deregister
            | Verb::WriteKey
            | Verb::TestWebhook
            | Verb::AddAgent
            | Verb::RemoveAgent
    )
}

fn verb(typed: &str) -> Done<Verb> {
    let found = Verb::ALL.into_iter().find(|verb| verb.name() == typed);
    found.ok_or_else(|| {
        let names = Verb::ALL.map(Verb::name);
        let meant = spec::nearest(typed, names).map(|name| format!("did you mean {name}? "));
        Fail::usage(format!(
            "{} is not an act; {}there are {}",
            plain(typed),
            meant.unwrap_or_default(),
            names.join(", ")
        ))
    })
}

fn plural(cases: usize) -> &'static str {
    match cases {
        1 => "case",
        _ => "cases",
    }
}

fn test(place: &Place, arguments: &PolicyTest) -> Done {
    let path = named(place, &arguments.file)?;
    let bytes = bytes(&path, policy::MAX_CASES_BYTES)?.ok_or_else(|| absent(&path))?;
    let file = path.display().to_string();
    let cases =
        policy::cases(&file, &bytes).map_err(|problems| wrong("this table of cases", &problems))?;
    let home = match &arguments.rules {
        Some(rules) => {
            let path = named(place, rules)?;
            found(&path, false)?.ok_or_else(|| absent(&path))?
        }
        None => of_home(place)?,
    };
    let (policies, cluster) = policies(place, &home)?;
    let mut failed = 0;
    let mut told = Vec::new();
    for case in &cases {
        let decision = case.decide(&policies, &cluster);
        let failure = case.failure(&decision);
        failed += usize::from(failure.is_some());
        let line = case.line;
        if arguments.json.json {
            told.push(json!({
                "line": line, "case": case.told(), "expected": case.expected().name(),
                "got": policy::Expected::from(decision.verdict).name(), "ok": failure.is_none(),
                "why": failure.unwrap_or_else(|| decision.why()),
            }));
        } else if let Some(why) = failure {
            print(&plain(&format!("{file}:{line}: {}: {why}", case.told())))?;
        }
    }
    if arguments.json.json {
        let value = json!({"ok": failed == 0, "cases": told});
        print(&value.to_string())?;
    } else if failed == 0 {
        let count = cases.len();
        print(&format!("ok: {count} {}", plural(count)))?;
    }
    match failed {
        0 => Ok(()),
        _ if arguments.json.json => Err(Fail::said()),
        _ => Err(Fail::failed(format!(
            "{failed} of {} {} not as expected",
            cases.len(),
            plural(cases.len())
        ))),
    }
}
