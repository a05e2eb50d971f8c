//! Which cluster a request means: by id, by folder, or the only one there is.

use crate::requests::PsRequest;
use crate::views::ClusterLine;
use engine::Error;
use model::view::ClusterView;
use std::path::Path;

/// What a list says of a cluster.
pub(crate) fn line(cluster: &ClusterView) -> ClusterLine {
    ClusterLine {
        id: cluster.id.clone(),
        name: cluster.name.clone(),
        folder: cluster.folder.clone(),
        overall: cluster.overall,
        reason: cluster.reason.clone(),
        autonomy: cluster.autonomy,
    }
}

/// The cluster a request means: by id, by a folder it lies in (the innermost one), or the only one.
pub(crate) fn chosen(clusters: &[ClusterView], request: &PsRequest) -> Result<ClusterLine, Error> {
    let found = match (&request.cluster, &request.folder) {
        (Some(id), _) => clusters.iter().find(|cluster| cluster.id == *id),
        (None, Some(folder)) => innermost(clusters, Path::new(folder))?,
        (None, None) if clusters.len() <= 1 => clusters.first(),
        (None, None) => {
            return Err(Error::BadRequest(format!(
                "this home has {} clusters: name one of them, or a folder",
                clusters.len()
            )));
        }
    };
    match (found, &request.cluster, &request.folder) {
        (Some(cluster), ..) => Ok(line(cluster)),
        (None, Some(id), _) => Err(Error::NoCluster(id.clone())),
        (None, None, Some(folder)) => Err(Error::NoDefinition(folder.into())),
        (None, None, None) => Err(Error::Conflict(
            "no cluster was run from this home yet; bring one up with `azora up`".to_owned(),
        )),
    }
}

/// The cluster of the innermost folder that holds this one. A folder whose definition was given
/// another name has two of them while the old one runs; which is meant is for the caller to say.
fn innermost<'c>(
    clusters: &'c [ClusterView],
    folder: &Path,
) -> Result<Option<&'c ClusterView>, Error> {
    let holds = |cluster: &&ClusterView| folder.starts_with(&cluster.folder);
    let depth = |cluster: &ClusterView| Path::new(&cluster.folder).components().count();
    let deepest = clusters.iter().filter(holds).map(depth).max();
    let mut found = clusters
        .iter()
        .filter(holds)
        .filter(|cluster| Some(depth(cluster)) == deepest);
    let first = found.next();
    let others: Vec<&str> = found.map(|cluster| cluster.id.as_str()).collect();
    match first {
        Some(first) if !others.is_empty() => Err(Error::BadRequest(format!(
            "{} has several clusters: name {} or {}",
            first.folder,
            first.id,
            others.join(" or ")
        ))),
        first => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Overall;

    fn cluster(id: &str, folder: &str) -> ClusterView {
        ClusterView {
            id: id.parse().unwrap(),
            name: "shop".parse().unwrap(),
            folder: folder.to_owned(),
            file: None,
            overall: Overall::Operational,
            reason: String::new(),
            held: false,
            held_until: None,
            autonomy: Default::default(),
            services: Vec::new(),
        }
    }

    fn in_folder(folder: &str) -> PsRequest {
        PsRequest {
            cluster: None,
            folder: Some(folder.to_owned()),
        }
    }

    #[test]
    fn a_folder_means_the_innermost_cluster_it_lies_in() {
        let clusters = [
            cluster("shop-1", "/w/shop"),
            cluster("tools-2", "/w/shop/tools"),
            cluster("shop-3", "/w/shopping"),
        ];
        let chosen = |request| {
            chosen(&clusters, &request)
                .map(|line| line.id.to_string())
                .map_err(|e| e.code())
        };
        assert_eq!(chosen(in_folder("/w/shop")).unwrap(), "shop-1");
        assert_eq!(chosen(in_folder("/w/shop/tools/deep")).unwrap(), "tools-2");
        assert_eq!(chosen(in_folder("/w/shopping/cart")).unwrap(), "shop-3");
        assert_eq!(chosen(in_folder("/w")), Err(model::view::Code::NotFound));
        assert_eq!(
            chosen(PsRequest::default()),
            Err(model::view::Code::BadRequest)
        );
    }

    #[test]
    fn two_clusters_of_one_folder_have_to_be_told_apart() {
        let clusters = [
            cluster("shop-1", "/w/shop"),
            cluster("store-2", "/w/shop"),
            cluster("tools-3", "/w/shop/tools"),
        ];
        let wrong = chosen(&clusters, &in_folder("/w/shop")).unwrap_err();
        assert_eq!(wrong.code(), model::view::Code::BadRequest);
        assert!(
            wrong.story().contains("name shop-1 or store-2"),
            "{}",
            wrong.story()
        );
        let inner = chosen(&clusters, &in_folder("/w/shop/tools")).unwrap();
        assert_eq!(inner.id.as_str(), "tools-3");
    }

    #[test]
    fn a_home_with_one_cluster_needs_no_naming() {
        let one = [cluster("shop-1", "/w/shop")];
        assert_eq!(
            chosen(&one, &PsRequest::default()).unwrap().id.as_str(),
            "shop-1"
        );
        assert!(chosen(&[], &PsRequest::default()).is_err());
    }
}
