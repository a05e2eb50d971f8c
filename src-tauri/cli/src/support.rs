//! `azora support`: a bundle for whoever helps with a fault. What an engine knows is asked of it; without one the
//! home's own files are read. Secrets are hidden in every text, and nothing is sent anywhere.
//!
//! It refuses to write over a file, and to take along what services wrote.

use crate::args::{Place, Support};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::terminal::{note, plain, print};
use api::client::Client;
use api::views::StatusView;
use engine::hidden::hide_printed;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::view::SupportFile;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Events, acts and incidents that are taken along: the newest.
const NEWEST: u32 = 500;
/// Clusters whose definitions are.
const CLUSTERS: usize = 50;
/// What the answers to these of an engine say, and what is asked of it.
const ASKED: [(&str, &str); 12] = [
    (
        "status",
        "the engine, its limits, and each cluster in one word",
    ),
    ("system_status", "how services are and have been"),
    ("events", "what happened last"),
    ("acts", "who did what, and what came of it"),
    ("incidents", "what failed, and what was done about it"),
    ("approvals", "what waits for persons"),
    ("security", "threats"),
    ("rules", "who may do what"),
    ("ledger", "how it stands with the ledger"),
    ("webhooks", "where events are sent"),
    ("notifications", "what the desktop shows"),
    ("gateway", "where names lead"),
];

/// `azora support`.
pub(crate) async fn support(place: &Place, asked: &Support) -> Done {
    let layout = layout(place)?;
    let mut bundle = Vec::new();
    let mut about = vec![("versions.txt".to_owned(), "this program, and the machine")];
    bundle.push(SupportFile {
        name: "versions.txt".to_owned(),
        text: versions(),
    });
    match Client::connect(layout.home()).await {
        Ok(client) => ask(&client, &mut bundle, &mut about).await,
        Err(error) => {
            note(&format!(
                "azora: no engine answers ({error}), so there is less in the bundle"
            ));
            bundle.extend(engine::support::files(layout.home()));
        }
    }
    for file in &mut bundle {
        file.text = hide_printed(&file.text).into_owned();
    }
    let path = match &asked.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("azora-support-{}.tar.gz", stamp())),
    };
    bundle.insert(0, read_me(&bundle, &about));
    write(&path, &bundle).map_err(|error| {
        let what = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "it is there already; --output names another".to_owned()
            }
            _ => error.to_string(),
        };
        Fail::failed(format!("failed to write {}: {what}", path.display()))
    })?;
    let shown = std::path::absolute(&path).unwrap_or(path);
    if asked.json.json {
        let names: Vec<&String> = bundle.iter().map(|file| &file.name).collect();
        return Ok(print(&json!({"path": shown, "files": names}).to_string())?);
    }
    for file in &bundle {
        note(&format!(
            "  {:7} bytes  {}",
            file.text.len(),
            plain(&file.name)
        ));
    }
    note("azora: secrets are hidden in it; read it before you send it on");
    print(&shown.display().to_string())?;
    Ok(())
}

/// What a running engine says. One question that fails is told in its file and hinders no other.
async fn ask(
    client: &Client,
    bundle: &mut Vec<SupportFile>,
    about: &mut Vec<(String, &'static str)>,
) {
    for (command, what) in ASKED {
        let request = match command {
            "events" | "acts" => json!({"limit": NEWEST}),
            "incidents" => json!({"open": false, "limit": NEWEST}),
            _ => json!({}),
        };
        let name = format!("{command}.json");
        about.push((name.clone(), what));
        let text = answer(client, command, &request).await;
        bundle.push(SupportFile { name, text });
    }
    if let Ok(status) = client.call::<StatusView>("status", &json!({})).await {
        for cluster in status.clusters.iter().take(CLUSTERS) {
            let request = json!({"cluster": cluster.id});
            for (command, folder) in [("ps", "instances"), ("definition", "definitions")] {
                let name = format!("{folder}/{}.json", cluster.id);
                let text = answer(client, command, &request).await;
                bundle.push(SupportFile { name, text });
            }
        }
    }
    match client.call::<Vec<SupportFile>>("support", &json!({})).await {
        Ok(files) => bundle.extend(files),
        Err(error) => bundle.push(SupportFile {
            name: "home.txt".to_owned(),
            text: format!("(the engine did not read it: {error})\n"),
        }),
    }
}

async fn answer(client: &Client, command: &str, request: &Value) -> String {
    match client.call::<Value>(command, request).await {
        Ok(answer) => serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n",
        Err(error) => format!("(it was not answered: {error})\n"),
    }
}

fn versions() -> String {
    format!(
        "azora {}\nschema of outputs 1\nsystem {}\ntime {}\n",
        env!("CARGO_PKG_VERSION"),
        engine::crash::system(),
        jiff::Timestamp::now(),
    )
}

fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string()
}

fn read_me(bundle: &[SupportFile], about: &[(String, &'static str)]) -> SupportFile {
    let mut text = "A bundle that `azora support` wrote, for whoever helps with a fault.\n\n\
                    Secrets are hidden: ••• stands where one was. It has nothing that services wrote to their logs,\n\
                    and no key, token or database. Read it before you send it on.\n\n"
        .to_owned();
    for file in bundle {
        let what = about.iter().find(|(name, _)| *name == file.name);
        let what = what.map_or_else(|| of_folder(&file.name), |(_, what)| what);
        text.push_str(&format!("{}  {what}\n", file.name));
    }
    SupportFile {
        name: "README.txt".to_owned(),
        text,
    }
}

fn of_folder(name: &str) -> &'static str {
    match name.split('/').next().unwrap_or_default() {
        "instances" => "the instances of a cluster",
        "definitions" => "the definition of a cluster",
        "crashes" => "a report of a fault of Azora's own",
        "reports" => "a report of an emergency stop",
        "home.txt" => "which files the home has",
        _ => "the end of a file of the home",
    }
}

fn write(path: &Path, bundle: &[SupportFile]) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = packed(file, bundle);
    if written.is_err() {
        // Half a bundle would be taken for a whole one.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn packed(file: File, bundle: &[SupportFile]) -> io::Result<()> {
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    let at = u64::try_from(engine::wall().0 / 1_000).unwrap_or(0);
    for file in bundle {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(at);
        let path = Path::new("azora-support").join(&file.name);
        tar.append_data(&mut header, path, file.text.as_bytes())?;
    }
    let mut file = tar.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_bundle_is_its_owners_alone_and_is_never_written_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.tar.gz");
        let file = SupportFile {
            name: "definitions/shop-1.json".to_owned(),
            text: "{}\n".to_owned(),
        };
        write(&path, std::slice::from_ref(&file)).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = write(&path, std::slice::from_ref(&file)).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let bytes = File::open(&path).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
        let mut entries = tar.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(
            entry.path().unwrap().to_str(),
            Some("azora-support/definitions/shop-1.json")
        );
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert_eq!(text, file.text);
    }

    #[test]
    fn what_is_in_it_is_said_in_it() {
        let bundle = [
            "versions.txt",
            "instances/a-1.json",
            "crashes/crash-1-2-0.txt",
            "engine.log",
        ];
        let bundle = bundle.map(|name| SupportFile {
            name: name.to_owned(),
            text: String::new(),
        });
        let about = [("versions.txt".to_owned(), "this program, and the machine")];
        let text = read_me(&bundle, &about).text;
        for line in [
            "versions.txt  this program, and the machine",
            "instances/a-1.json  the instances of a cluster",
            "crashes/crash-1-2-0.txt  a report of a fault of Azora's own",
            "engine.log  the end of a file of the home",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
