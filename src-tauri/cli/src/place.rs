//! Which home, which engine, which cluster a command means.

use crate::args::Place;
use crate::engine_here;
use crate::fail::{Done, Fail};
use crate::terminal::note;
use api::client::Client;
use api::requests::{Nothing, PsRequest};
use api::views::{ClusterLine, PsView, StatusView};
use driver::Layout;
use model::{ClusterId, ClusterName, Overall};
use std::path::{Path, PathBuf};

/// The home that is meant.
pub(crate) fn layout(place: &Place) -> Done<Layout> {
    match &place.home {
        Some(path) => Ok(Layout::new(path)),
        None => Layout::from_env()
            .ok_or_else(|| Fail::usage("there is no home: set AZORA_HOME to a folder, or HOME")),
    }
}

/// The folder a command is given from, absolute and with links followed.
pub(crate) fn folder(place: &Place) -> Done<PathBuf> {
    let path = place.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    std::fs::canonicalize(&path).map_err(|error| {
        Fail::absent(format!(
            "failed to use the folder {}: {error}",
            path.display()
        ))
    })
}

/// What is of a folder is of no running cluster: that one was named is a mistake.
pub(crate) fn no_cluster(place: &Place, instead: &str) -> Done {
    match &place.cluster {
        Some(name) => Err(Fail::usage(format!(
            "--cluster {name} means nothing here: {instead}"
        ))),
        None => Ok(()),
    }
}

/// The nearest folder with a definition, from `start` upward.
pub(crate) fn defined(start: &Path) -> Option<&Path> {
    crate::definition::nearest(start)
}

/// A live engine and the cluster that is meant.
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) cluster: ClusterLine,
    /// What runs in the cluster's folder under other names.
    others: Vec<ClusterLine>,
}

impl Scene {
    /// Finds both.
    pub(crate) async fn find(place: &Place) -> Done<Self> {
        Self::by(Client::connect(layout(place)?.home()).await?, place).await
    }

    /// The same; where no engine runs and something of the home is left, one is started for it.
    pub(crate) async fn find_or_serve(place: &Place) -> Done<Self> {
        let layout = layout(place)?;
        let client = match engine_here::running(&layout).await? {
            Some(client) => client,
            None if engine::remembered(&layout).is_empty() => {
                Client::connect(layout.home()).await?
            }
            None => {
                note(
                    "azora: no engine runs for this home; one is started for this, in the background",
                );
                engine_here::behind(&layout).await?
            }
        };
        Self::by(client, place).await
    }

    async fn by(client: Client, place: &Place) -> Done<Self> {
        let status: StatusView = client.call("status", &Nothing {}).await?;
        let here = folder(place)?;
        let cluster = pick(&status.clusters, place, &here, defined(&here), &name_in)?;
        let others = run_on(&status.clusters, &cluster);
        Ok(Self {
            client,
            cluster,
            others,
        })
    }

    /// Says what else runs in the cluster's folder: somebody who has renamed a cluster may take it
    /// for the same one.
    pub(crate) fn note_others(&self) {
        let defined = name_in(Path::new(&self.cluster.folder));
        for ClusterLine { id, name, .. } in &self.others {
            if defined.as_ref() == Some(name) {
                let old = &self.cluster.id;
                note(&format!(
                    "azora: {old} is what this folder's cluster was called before; its definition is named {name} now, and {id} runs; `azora down --cluster {old}` takes the old one down"
                ));
                continue;
            }
            note(&format!(
                "azora: {id} of this folder still runs, under the name {name}; `azora down --cluster {id}` takes it down"
            ));
        }
    }

    /// All instances of the cluster.
    pub(crate) async fn ps(&self) -> Done<PsView> {
        let request = PsRequest {
            cluster: Some(self.cluster.id.clone()),
            folder: None,
        };
        Ok(self.client.call("ps", &request).await?)
    }
}

/// The cluster that a question about the past means: the folder's; `None`, the whole home, where the
/// folder belongs to no cluster.
pub(crate) async fn scope(client: &Client, place: &Place) -> Done<Option<ClusterId>> {
    let status: StatusView = client.call("status", &Nothing {}).await?;
    let here = folder(place)?;
    let of = |one: &ClusterLine| here.starts_with(&one.folder);
    match status.clusters.iter().any(of) {
        true => {
            let found = pick(&status.clusters, place, &here, defined(&here), &name_in)?;
            Ok(Some(found.id))
        }
        false => Ok(None),
    }
}

/// The other clusters of its folder that run.
fn run_on(clusters: &[ClusterLine], cluster: &ClusterLine) -> Vec<ClusterLine> {
    let others = clusters
        .iter()
        .filter(|other| other.folder == cluster.folder && other.id != cluster.id && runs(other));
    others.cloned().collect()
}

fn runs(cluster: &ClusterLine) -> bool {
    cluster.overall != Overall::Stopped
}

/// The name that a folder's definition gives its cluster; `None` when it cannot be read.
fn name_in(folder: &Path) -> Option<ClusterName> {
    let most = spec::limits::MAX_BYTES as u64 + 1;
    let file = engine::definition::files(folder).into_iter().next()?;
    let read = engine::definition::read(
        folder,
        &file,
        &file.name,
        most,
        &crate::up::environment().into(),
    );
    Some(read.ok()??.ok()?.cluster.name)
}

/// Picks from the clusters of a home. `here` is the folder of the command, `defined` the nearest
/// one at or above it that has a definition, `name_in` what the definition of a folder is named.
fn pick(
    clusters: &[ClusterLine],
    place: &Place,
    here: &Path,
    defined: Option<&Path>,
    name_in: &dyn Fn(&Path) -> Option<ClusterName>,
) -> Done<ClusterLine> {
    if let Some(wanted) = &place.cluster {
        return named(clusters, wanted);
    }
    if clusters.is_empty() {
        return Err(Fail::absent(
            "no cluster was brought up from this home yet; `azora up` does it",
        ));
    }
    let inside = clusters
        .iter()
        .filter(|cluster| here.starts_with(&cluster.folder))
        .max_by_key(|cluster| cluster.folder.len());
    match (inside, defined) {
        (Some(cluster), Some(nearer))
            if nearer.starts_with(&cluster.folder) && nearer != Path::new(&cluster.folder) =>
        {
            Err(not_up(nearer))
        }
        (Some(cluster), _) => of_folder(clusters, &cluster.folder, name_in),
        (None, Some(folder)) => Err(not_up(folder)),
        (None, None) if let ([only], None) = (clusters, &place.folder) => {
            note(&format!(
                "azora: no {} here; meaning {}, the only cluster of this home",
                spec::FILE,
                only.id
            ));
            Ok(only.clone())
        }
        (None, None) => Err(Fail::absent(format!(
            "{} belongs to no cluster of this home; name one with --cluster: {}",
            here.display(),
            listed(clusters)
        ))),
    }
}

/// The one that a folder means which was renamed, so that it has several: the one its definition
/// names, or else the only one that runs.
fn of_folder(
    clusters: &[ClusterLine],
    folder: &str,
    name_in: &dyn Fn(&Path) -> Option<ClusterName>,
) -> Done<ClusterLine> {
    let all: Vec<&ClusterLine> = clusters.iter().filter(|one| one.folder == folder).collect();
    if let [only] = all[..] {
        return Ok(only.clone());
    }
    let name = name_in(Path::new(folder));
    let named = all
        .iter()
        .copied()
        .find(|one| Some(&one.name) == name.as_ref());
    let running: Vec<&ClusterLine> = all.iter().copied().filter(|one| runs(one)).collect();
    match (named, &running[..]) {
        (Some(cluster), _) | (None, &[cluster]) => Ok(cluster.clone()),
        (None, _) => Err(Fail::usage(format!(
            "{folder} has several clusters, and none has the name that its {} gives; name one with --cluster: {}",
            spec::FILE,
            listed(all)
        ))),
    }
}

pub(crate) fn named(clusters: &[ClusterLine], wanted: &str) -> Done<ClusterLine> {
    let by_id = clusters
        .iter()
        .find(|cluster| cluster.id.as_str() == wanted);
    let by_name: Vec<&ClusterLine> = clusters
        .iter()
        .filter(|cluster| cluster.name.as_str() == wanted)
        .collect();
    match (by_id, &by_name[..]) {
        (Some(cluster), _) | (None, &[cluster]) => Ok(cluster.clone()),
        (None, []) if clusters.is_empty() => Err(Fail::absent(
            "no cluster was brought up from this home yet; `azora up` does it",
        )),
        (None, []) => Err(Fail::absent(format!(
            "no cluster of this home is named {}; there are: {}",
            crate::terminal::plain(wanted),
            listed(clusters)
        ))),
        (None, _) => Err(Fail::usage(format!(
            "several clusters are named {wanted}; give the id of one: {}",
            listed(by_name)
        ))),
    }
}

fn not_up(folder: &Path) -> Fail {
    Fail::absent(format!(
        "the cluster in {} was not brought up from this home; `azora up` does it",
        folder.display()
    ))
}

fn listed<'c>(clusters: impl IntoIterator<Item = &'c ClusterLine>) -> String {
    let each: Vec<String> = clusters
        .into_iter()
        .map(|cluster| format!("{} ({})", cluster.id, cluster.folder))
        .collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(id: &str, name: &str, folder: &str) -> ClusterLine {
        ClusterLine {
            id: id.parse().unwrap(),
            name: name.parse().unwrap(),
            folder: folder.to_owned(),
            overall: Overall::Operational,
            reason: String::new(),
            autonomy: Default::default(),
        }
    }

    fn home() -> Vec<ClusterLine> {
        vec![
            cluster("shop-1", "shop", "/w/shop"),
            cluster("shop-2", "shop", "/w/copy"),
            cluster("tools-3", "tools", "/w/shop/tools"),
        ]
    }

    fn picked(
        clusters: Vec<ClusterLine>,
        place: &Place,
        here: &str,
        defined: Option<&str>,
    ) -> Result<String, String> {
        let (here, defined) = (Path::new(here), defined.map(Path::new));
        pick(&clusters, place, here, defined, &|_| None)
            .map(|cluster| cluster.id.to_string())
            .map_err(|fail| fail.message)
    }

    #[test]
    fn the_folder_says_which_cluster_the_innermost_wins() {
        let place = Place::default();
        assert_eq!(
            picked(home(), &place, "/w/shop/src", Some("/w/shop")).unwrap(),
            "shop-1"
        );
        assert_eq!(
            picked(home(), &place, "/w/shop/tools/x", Some("/w/shop/tools")).unwrap(),
            "tools-3"
        );
        assert_eq!(
            picked(home(), &place, "/w/copy", None).unwrap(),
            "shop-2",
            "its file may be gone"
        );
    }

    #[test]
    fn a_folder_with_a_definition_of_its_own_never_means_another_cluster() {
        let one = || vec![cluster("shop-1", "shop", "/w/shop")];
        for here in ["/w/other", "/w/shop/inner"] {
            let refused = picked(one(), &Place::default(), here, Some(here)).unwrap_err();
            assert!(refused.contains("was not brought up"), "{refused}");
        }
    }

    #[test]
    fn a_renamed_folder_means_the_cluster_its_definition_names_or_the_one_that_runs() {
        let mut both = vec![
            cluster("one-1", "one", "/w/shop"),
            cluster("two-2", "two", "/w/shop"),
        ];
        let picked = |clusters: &[ClusterLine], name: Option<&str>| {
            let name: Option<ClusterName> = name.map(|name| name.parse().unwrap());
            let here = Path::new("/w/shop");
            let name_in = |_: &Path| name.clone();
            pick(clusters, &Place::default(), here, Some(here), &name_in)
                .map(|cluster| cluster.id.to_string())
                .map_err(|fail| fail.message)
        };
        assert_eq!(picked(&both, Some("one")).unwrap(), "one-1");
        assert_eq!(picked(&both, Some("two")).unwrap(), "two-2");
        for unknown in [Some("three"), None] {
            let refused = picked(&both, unknown).unwrap_err();
            assert!(refused.contains("one-1 (/w/shop), two-2"), "{refused}");
        }
        let others = |clusters: &[ClusterLine]| {
            let others = run_on(clusters, &clusters[1]);
            others
                .iter()
                .map(|one| one.id.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(others(&both), ["one-1"]);
        both[0].overall = Overall::Stopped;
        assert_eq!(picked(&both, None).unwrap(), "two-2");
        assert_eq!(others(&both), Vec::<String>::new());
    }

    #[test]
    fn elsewhere_the_only_cluster_is_meant_and_of_several_one_must_be_named() {
        let one = vec![cluster("shop-1", "shop", "/w/shop")];
        assert_eq!(
            picked(one.clone(), &Place::default(), "/tmp", None).unwrap(),
            "shop-1"
        );
        let elsewhere = Place {
            folder: Some("/tmp".into()),
            ..Place::default()
        };
        assert!(
            picked(one, &elsewhere, "/tmp", None).is_err(),
            "-C says a folder, so the folder counts"
        );
        let refused = picked(home(), &Place::default(), "/tmp", None).unwrap_err();
        assert!(refused.contains("shop-2 (/w/copy)"), "{refused}");
        assert!(
            picked(Vec::new(), &Place::default(), "/tmp", None)
                .unwrap_err()
                .contains("azora up")
        );
    }

    #[test]
    fn a_name_works_when_it_is_the_only_one_and_an_id_always() {
        let place = |name: &str| Place {
            cluster: Some(name.to_owned()),
            ..Place::default()
        };
        assert_eq!(
            picked(home(), &place("tools"), "/w/shop", None).unwrap(),
            "tools-3"
        );
        assert_eq!(
            picked(home(), &place("shop-2"), "/w/shop", None).unwrap(),
            "shop-2"
        );
        let several = picked(home(), &place("shop"), "/w/shop", None).unwrap_err();
        assert!(
            several.ends_with(": shop-1 (/w/shop), shop-2 (/w/copy)"),
            "those of that name, and no others: {several}"
        );
        assert!(
            picked(home(), &place("x"), "/w/shop", None)
                .unwrap_err()
                .contains("there are: shop-1")
        );
    }
}
