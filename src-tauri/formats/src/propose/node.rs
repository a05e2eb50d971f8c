//! A `package.json`: the script that a developer leaves running.

use super::folders::Folder;
use super::{Guess, Part, Survey};
use serde_json::Value;

/// Scripts that run something, the likeliest first.
const SCRIPTS: [&str; 5] = ["dev", "develop", "start:dev", "start", "serve"];

/// A tool that serves, by the word of a script that calls it: its own port, and the options that make it take ours.
/// An empty text is for those that read `PORT`. `--host` where a name would lead to `::1`, which no probe asks.
const TOOLS: [(&str, u16, &str); 12] = [
    ("next", 3000, ""),
    ("nuxt", 3000, ""),
    ("react-scripts", 3000, ""),
    ("remix", 3000, ""),
    ("react-router", 5173, "--host 127.0.0.1 --port $PORT"),
    ("astro", 4321, "--host 127.0.0.1 --port $PORT"),
    ("ng", 4200, "--host 127.0.0.1 --port $PORT"),
    ("vue-cli-service", 8080, "--host 127.0.0.1 --port $PORT"),
    ("webpack-dev-server", 8080, "--host 127.0.0.1 --port $PORT"),
    ("webpack", 8080, "--host 127.0.0.1 --port $PORT"),
    ("storybook", 6006, "--port $PORT --no-open"),
    ("vite", 5173, "--host 127.0.0.1 --port $PORT --strictPort"),
];

/// What a package depends on that listens.
const SERVERS: [&str; 9] = [
    "express",
    "fastify",
    "koa",
    "hono",
    "@hapi/hapi",
    "@nestjs/core",
    "@apollo/server",
    "socket.io",
    "polka",
];

/// Scripts that only run those of the parts, which are services themselves.
const RUNS_PARTS: [&str; 7] = [
    "turbo",
    "nx",
    "lerna",
    "--workspaces",
    "--workspace",
    "-r",
    "concurrently",
];

pub(super) fn read(survey: &Survey, folder: &Folder, has_parts: bool) -> Part {
    let mut part = Part::default();
    let file = folder.at("package.json");
    let Some(text) = survey.text(&file) else {
        return part;
    };
    let package: Value = match serde_json::from_str(text) {
        Ok(package) => package,
        Err(error) => {
            part.note(file, format!("it is no JSON and is passed over: {error}"));
            return part;
        }
    };
    let script = |name: &&str| package["scripts"][name].as_str();
    let Some((name, script)) = SCRIPTS.iter().find_map(|name| Some((*name, script(name)?))) else {
        if !(folder.path.is_empty() && has_parts) {
            let says = format!(
                "it has none of the scripts {}, and is passed over",
                SCRIPTS.join(", ")
            );
            part.note(file, says);
        }
        return part;
    };
    let words: Vec<&str> = script.split_whitespace().collect();
    if folder.path.is_empty() && has_parts && words.iter().any(|word| RUNS_PARTS.contains(word)) {
        let says =
            format!("its script \"{name}\" runs those of the parts, which are services themselves");
        part.note(file, says);
        return part;
    }
    let depends = |name: &&str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|table| package[table].get(name).is_some())
    };
    // A script of several commands passes no options on to the one that matters.
    let several = script.contains("&&") || script.contains(['|', ';']) || words.contains(&"&");
    let tool = TOOLS.iter().find(|(word, ..)| words.contains(word));
    let builds =
        words.contains(&"build") || (words.contains(&"webpack") && !words.contains(&"serve"));
    let tool = tool.filter(|_| !builds);
    let options = tool.map_or("", |(_, _, options)| options);
    let server = SERVERS.iter().find(|server| depends(server));
    let manager = manager(survey, folder, &package);
    let mut run = format!("{manager} run {name}");
    let passes = options.is_empty() || !several;
    if !options.is_empty() && passes {
        // npm keeps options for itself unless it is told that they are the script's.
        let dashes = if manager == "npm" { " --" } else { "" };
        run = format!("{run}{dashes} {options}");
    }
    let named = package["name"]
        .as_str()
        .and_then(|name| name.rsplit('/').next());
    let what = match (tool, server) {
        (Some((word, ..)), _) => format!(", which is {word}'s"),
        (None, Some(server)) => format!("; it depends on {server}, and has to listen at $PORT"),
        (None, None) => String::new(),
    };
    part.guesses.push(Guess {
        name: named
            .filter(|name| !name.is_empty())
            .unwrap_or(folder.called())
            .to_owned(),
        seen: format!("{file}: its script \"{name}\"{what}"),
        run,
        folder: folder.path.clone(),
        port: tool
            .filter(|_| passes)
            .map(|(_, port, _)| *port)
            .or(server.map(|_| 3000)),
        listens: tool.is_some() && passes,
        doubt: (tool.is_none()
            && server.is_none()
            && !["dev", "develop", "start:dev", "start"].contains(&name))
        .then_some("It may be no service."),
    });
    part
}

/// Who runs scripts here: what the package says, else whose lock file is there or in the folder above all.
fn manager(survey: &Survey, folder: &Folder, package: &Value) -> &'static str {
    const LOCKS: [(&str, &str); 5] = [
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lock", "bun"),
        ("bun.lockb", "bun"),
        ("package-lock.json", "npm"),
    ];
    let said = package["packageManager"].as_str().unwrap_or_default();
    if let Some(known) = ["pnpm", "yarn", "bun", "npm"]
        .into_iter()
        .find(|name| said.starts_with(name))
    {
        return known;
    }
    let root = survey.names.get("");
    let above = |lock: &str| root.is_some_and(|names| names.files.contains(lock));
    let lock = LOCKS.iter().find(|(lock, _)| folder.has(lock));
    let lock = lock.or_else(|| LOCKS.iter().find(|(lock, _)| above(lock)));
    lock.map_or("npm", |(_, manager)| manager)
}
