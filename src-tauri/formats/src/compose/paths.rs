//! Paths of a project: each relative to its folder, however deep the file lies that says it.

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    /// Into the folder.
    In,
    /// Out of it: absolute, by `~`, or by too many `..`.
    Out,
}

/// A path that is said in the folder `dir`, as one of the project's folder: `../x` in `a/b` is `a/x`.
pub(super) fn join(dir: &str, path: &str) -> String {
    if is_absolute(path) {
        return clean(path);
    }
    if dir.is_empty() || dir == "." {
        clean(path)
    } else {
        clean(&format!("{dir}/{path}"))
    }
}

/// Without `.`, empty parts, and what `..` takes back; `.` for the folder itself.
fn clean(path: &str) -> String {
    if path.starts_with('~') {
        return path.to_owned();
    }
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

pub(super) fn leads(path: &str) -> Leads {
    let out = is_absolute(path) || path == ".." || path.starts_with("../");
    if out { Leads::Out } else { Leads::In }
}

/// The folder a file lies in.
pub(super) fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}

/// Whether a build context or included file is something to be fetched.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://") || path.starts_with("git@") || path.starts_with("github.com/")
}

pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.starts_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_folder() {
        let table = [
            (".", "x", "x", Leads::In),
            (".", "./x/", "x", Leads::In),
            ("", ".", ".", Leads::In),
            (".", "x/../y", "y", Leads::In),
            (".", "../x", "../x", Leads::Out),
            (".", "..", "..", Leads::Out),
            (".", "a/../../x", "../x", Leads::Out),
            (".", "..x", "..x", Leads::In),
            ("a/b", "x", "a/b/x", Leads::In),
            ("a/b", "../x", "a/x", Leads::In),
            ("a/b", "../..", ".", Leads::In),
            ("a", "../../x", "../x", Leads::Out),
            ("a", "/etc//passwd", "/etc/passwd", Leads::Out),
            ("a", "/etc/../../x", "/x", Leads::Out),
            ("a", "~/x", "~/x", Leads::Out),
            ("../a", "../x", "../x", Leads::Out),
        ];
        for (dir, path, wanted, way) in table {
            let made = join(dir, path);
            assert_eq!((made.as_str(), leads(&made)), (wanted, way), "{dir} {path}");
        }
        assert_eq!(
            ["a/b.yaml", "b.yaml", "/b.yaml"].map(folder),
            ["a", ".", "/"]
        );
    }
}
