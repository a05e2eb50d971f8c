//! `down`, and the volumes that go with it when a person wants that.

use crate::acts::carry_out;
use crate::args::{Down, Place};
use crate::board::Aim;
use crate::fail::{Done, Fail};
use crate::place::Scene;
use crate::terminal::{self, Paint, Terminal, note, plain};
use crate::watch::Interrupts;
use api::requests::{DownRequest, VolumesRequest};
use model::view::VolumeView;

/// Volumes that are listed; more are counted.
const SHOWN: usize = 60;

/// `down`.
pub(crate) async fn down(place: &Place, arguments: &Down) -> Done {
    let scene = Scene::find_or_serve(place).await?;
    let volumes = match arguments.volumes {
        true => {
            let request = VolumesRequest {
                cluster: scene.cluster.id.clone(),
            };
            let volumes: Vec<VolumeView> = scene.client.call("volumes", &request).await?;
            agreed(&volumes, arguments.yes).await?;
            let names = volumes.into_iter().map(|one| one.name);
            Some(names.collect::<Vec<String>>()).filter(|names| !names.is_empty())
        }
        false => None,
    };
    let removed = volumes.as_ref().map(Vec::len);
    let request = DownRequest {
        cluster: scene.cluster.id.clone(),
        volumes,
        reason: arguments.why.reason.clone(),
    };
    let cluster = Some(scene.cluster.id.clone());
    let done = carry_out(
        &scene.client,
        cluster,
        "down",
        &request,
        Aim::Down,
        &[],
        arguments.json,
    )
    .await;
    if done.is_ok()
        && let Some(count) = removed
    {
        note(&format!(
            "removed {count} {}, with all that was in them",
            plural(count)
        ));
    }
    scene.note_others();
    done
}

/// Shows what would be lost, and asks. What nobody agrees to is not done, and nothing else is either.
async fn agreed(volumes: &[VolumeView], yes: bool) -> Done {
    let terminal = Terminal::stderr();
    if volumes.is_empty() {
        note("it has no volumes");
        return Ok(());
    }
    let heading = format!(
        "{} {}, with all that is in them:",
        match yes {
            true => "Removed are",
            false => "To be removed are",
        },
        match volumes.len() {
            1 => "1 volume".to_owned(),
            count => format!("{count} volumes"),
        }
    );
    note(&terminal.paint(Paint::Strong, &heading));
    for line in volumes.iter().take(SHOWN).map(told) {
        note(&format!("  {line}"));
    }
    if let Some(more @ 1..) = volumes.len().checked_sub(SHOWN) {
        note(&format!("  … and {more} more"));
    }
    if yes {
        return Ok(());
    }
    let mut interrupts = Interrupts::catch()?;
    let answer = tokio::select! {
        by = interrupts.next() => {
            // The question stands at the end of its line.
            note("");
            return Err(by.fail("nothing was done"));
        }
        answer = terminal::ask("Take the cluster down and remove them?") => answer,
    };
    match answer {
        Some(true) => Ok(()),
        Some(false) => Err(Fail::failed("nothing was done")),
        None => Err(Fail::usage(
            "nobody can be asked here, and what is in a volume does not come back: nothing was done. --yes removes \
             them without asking",
        )),
    }
}

/// "azora-shop-data, 12 MB"
fn told(volume: &VolumeView) -> String {
    let size = match volume.bytes {
        Some(bytes) => model::bytes(about(bytes)),
        None => "of unknown size".to_owned(),
    };
    let of = match &volume.of {
        Some(container) => format!(", without a name, of {}", plain(container)),
        None => String::new(),
    };
    format!("{}, {size}{of}", plain(&volume.name))
}

/// As much of a number of bytes as people read.
fn about(bytes: u64) -> u64 {
    match bytes {
        0..10_000 => bytes,
        10_000..10_000_000 => bytes / 1_000 * 1_000,
        10_000_000..10_000_000_000 => bytes / 1_000_000 * 1_000_000,
        _ => bytes / 1_000_000_000 * 1_000_000_000,
    }
}

fn plural(count: usize) -> &'static str {
    match count {
        1 => "volume",
        _ => "volumes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_told_with_its_size_and_whose_it_is() {
        let volume = |bytes, of: Option<&str>| VolumeView {
            name: "data".into(),
            bytes,
            of: of.map(str::to_owned),
        };
        assert_eq!(told(&volume(Some(12_345_678), None)), "data, 12 MB");
        assert_eq!(told(&volume(None, None)), "data, of unknown size");
        assert_eq!(
            told(&volume(Some(7), Some("azora-shop-db-0"))),
            "data, 7 bytes, without a name, of azora-shop-db-0"
        );
    }
}
