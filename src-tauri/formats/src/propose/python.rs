//! A `pyproject.toml` or a `requirements.txt`, and what lies beside it.

use super::folders::Folder;
use super::{Guess, Part, Survey};
use std::collections::BTreeSet;
use toml::{Table, Value};

pub(super) fn read(survey: &Survey, folder: &Folder, _: bool) -> Part {
    let mut part = Part::default();
    let (project, requirements) = (folder.at("pyproject.toml"), folder.at("requirements.txt"));
    let text = survey.text(&project);
    let manifest: Option<Table> = text.and_then(|text| text.parse().ok());
    if text.is_some() && manifest.is_none() {
        part.note(project.clone(), "it is no TOML and is passed over");
    }
    let manifest = manifest.unwrap_or_default();
    let mut depends = dependencies(&manifest);
    if let Some(text) = survey.text(&requirements) {
        depends.extend(text.lines().filter_map(package));
    }
    if depends.is_empty() && text.is_none() {
        return part;
    }
    let file = if text.is_some() {
        project
    } else {
        requirements
    };
    let runner = [
        ("uv.lock", "uv run "),
        ("poetry.lock", "poetry run "),
        ("pdm.lock", "pdm run "),
        ("Pipfile.lock", "pipenv run "),
    ]
    .into_iter()
    .find(|(lock, _)| folder.has(lock))
    .map_or("", |(_, runner)| runner);
    let name = manifest
        .get("project")
        .and_then(|project| project.get("name"))
        .and_then(Value::as_str)
        .unwrap_or(folder.called());
    let service = |name: &str, seen: &str, run: &str, port: Option<u16>| Guess {
        name: name.to_owned(),
        seen: format!("{file}: it depends on {seen}"),
        run: format!("{runner}{run}"),
        folder: folder.path.clone(),
        port,
        listens: port.is_some(),
        doubt: None,
    };
    let has = |name: &str| depends.contains(name);
    if has("django") && folder.has("manage.py") {
        let run = "python manage.py runserver 127.0.0.1:$PORT";
        part.guesses.push(service(name, "django", run, Some(8000)));
    } else if has("fastapi") {
        let module = [("main.py", "main:app"), ("app.py", "app:app")]
            .into_iter()
            .find(|(file, _)| folder.has(file))
            .map_or("app.main:app", |(_, module)| module);
        let run = format!("uvicorn {module} --reload --host 127.0.0.1 --port $PORT");
        part.guesses
            .push(service(name, "fastapi", &run, Some(8000)));
    } else if has("flask") {
        part.guesses
            .push(service(name, "flask", "flask run --port $PORT", Some(5000)));
    } else if has("streamlit") && folder.has("app.py") {
        let run = "streamlit run app.py --server.headless true --server.address 127.0.0.1 --server.port $PORT";
        part.guesses
            .push(service(name, "streamlit", run, Some(8501)));
    }
    if has("celery") {
        let run = format!("celery -A {} worker -l info", name.replace('-', "_"));
        let mut worker = service("worker", "celery", &run, None);
        worker.doubt = Some("The name behind -A is a guess.");
        part.guesses.push(worker);
    }
    if part.guesses.is_empty() {
        part.guesses
            .extend(scripts(&manifest, &file, runner, folder));
    }
    part
}

/// The programs that the project installs. Whether they serve is not to be seen.
fn scripts(manifest: &Table, file: &str, runner: &str, folder: &Folder) -> Vec<Guess> {
    let scripts = manifest
        .get("project")
        .and_then(|project| project.get("scripts"));
    let names = scripts.and_then(Value::as_table).into_iter().flatten();
    names
        .map(|(name, _)| Guess {
            name: name.clone(),
            seen: format!("{file}: it installs {name}"),
            run: format!("{runner}{name}"),
            folder: folder.path.clone(),
            doubt: Some("It may be a program for the terminal, and no service."),
            ..Guess::default()
        })
        .collect()
}

/// The names of what a project depends on.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let listed = manifest
        .get("project")
        .and_then(|project| project.get("dependencies"));
    let listed = listed.and_then(Value::as_array).into_iter().flatten();
    let mut all: BTreeSet<String> = listed.filter_map(|one| package(one.as_str()?)).collect();
    let poetry = manifest.get("tool").and_then(|tool| tool.get("poetry"));
    let poetry = poetry.and_then(|poetry| poetry.get("dependencies"));
    let poetry = poetry.and_then(Value::as_table).into_iter().flatten();
    all.extend(poetry.map(|(name, _)| name.to_lowercase()));
    all
}

/// The name in a requirement: `Django[argon2]>=5 ; python_version > "3"`.
fn package(requirement: &str) -> Option<String> {
    let requirement = requirement.trim();
    let end =
        requirement.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let name = &requirement[..end.unwrap_or(requirement.len())];
    let name = name.to_lowercase().replace('_', "-");
    (!name.is_empty() && !name.starts_with('-')).then_some(name)
}
