//! The UI's own arrows: shared → features → views, and only `platform` knows the host.

use crate::sources::{Source, sources};
use crate::{finds, none};

/// What an import names, as a path from `ui/src` when it is one of ours.
fn imports(file: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for opening in [
            "from \"",
            "from '",
            "import \"",
            "import '",
            "import(\"",
            "import('",
        ] {
            for (at, _) in line.match_indices(opening) {
                let rest = &line[at + opening.len()..];
                if let Some(end) = rest.find(['"', '\'']) {
                    found.push((number + 1, resolve(&file.path, &rest[..end])));
                }
            }
        }
    }
    found
}

/// `../shared/x` in `ui/src/views/a.svelte` is `ui/src/shared/x`; a package's name stays as it is.
fn resolve(from: &str, name: &str) -> String {
    if let Some(rest) = ["@/", "~/", "$lib/", "src/"]
        .iter()
        .find_map(|alias| name.strip_prefix(alias))
    {
        return format!("ui/src/{rest}");
    }
    if !name.starts_with('.') {
        return name.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Folder of `ui/src`, and what it must not import.
const WALLS: [(&str, &[&str]); 5] = [
    (
        "ui/src/words/",
        &[
            "ui/src/features/",
            "ui/src/views/",
            "ui/src/shared/",
            "ui/src/platform/",
        ],
    ),
    (
        "ui/src/shared/",
        &["ui/src/features/", "ui/src/views/", "ui/src/ipc/"],
    ),
    ("ui/src/features/", &["ui/src/views/"]),
    (
        "ui/src/ipc/",
        &["ui/src/features/", "ui/src/views/", "ui/src/shared/"],
    ),
    (
        "ui/src/platform/",
        &["ui/src/features/", "ui/src/views/", "ui/src/shared/"],
    ),
];

fn faults(files: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (line, name) in imports(file) {
            if name.starts_with("@tauri-apps/") && !file.path.starts_with("ui/src/platform/") {
                faults.push(format!(
                    "{}:{line} imports {name}: only ui/src/platform knows the host",
                    file.path
                ));
            }
            for (folder, forbidden) in WALLS {
                if file.path.starts_with(folder)
                    && forbidden.iter().any(|wall| name.starts_with(wall))
                {
                    faults.push(format!(
                        "{}:{line} imports {name}: {folder} must not",
                        file.path
                    ));
                }
            }
        }
    }
    faults
}

#[test]
fn the_ui_keeps_to_its_arrows() {
    none(faults(&sources("ui/src", &[".ts", ".svelte", ".js"])));
}

#[test]
fn an_import_across_a_wall_is_found() {
    let files = [
        Source::made(
            "ui/src/views/a.svelte",
            "import { invoke } from '@tauri-apps/api/core'",
        ),
        Source::made(
            "ui/src/shared/b.ts",
            "import x from \"../features/health/y\"",
        ),
        Source::made(
            "ui/src/features/health/c.ts",
            "const v = await import(\"../../views/Page.svelte\")",
        ),
        Source::made(
            "ui/src/platform/tauri.ts",
            "import { invoke } from '@tauri-apps/api/core'",
        ),
    ];
    let faults = faults(&files);
    finds(
        &faults,
        "ui/src/views/a.svelte:1 imports @tauri-apps/api/core",
    );
    finds(
        &faults,
        "ui/src/shared/b.ts:1 imports ui/src/features/health/y",
    );
    finds(
        &faults,
        "ui/src/features/health/c.ts:1 imports ui/src/views/Page.svelte",
    );
    assert_eq!(faults.len(), 3, "the platform may: {faults:#?}");
}
