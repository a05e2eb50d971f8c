//! Folders and repositories as places for checkpoints.

use super::keep::Keeper;
use driver::git;
use model::Timestamp;
use spec::CheckpointPlace;
use std::fs;
use std::path::Path;
use std::time::Duration;
use store::Kept;

const FILE: &str = "azora-0123456789abcdef.checkpoint";
const LIMIT: Duration = Duration::from_secs(60);

fn kept(size: u64) -> Kept {
    Kept {
        size,
        at: Timestamp(0),
        note: format!("azora/0123456789abcdef\n{size}\n"),
        edge: Vec::new(),
    }
}

async fn run(folder: &Path, words: &[&str]) -> String {
    let said = git(folder, words, LIMIT).await.unwrap();
    String::from_utf8(said).unwrap()
}

fn repository(home: &Path, folder: &Path, push: bool) -> Keeper {
    let folder = folder.display().to_string();
    Keeper::new(home, &CheckpointPlace::Git { folder, push })
}

#[tokio::test]
async fn a_folder_keeps_the_newest_and_says_how_many_others_there_are() {
    let (home, place) = (testkit::Home::new(), testkit::Home::new());
    let folder = place.path().display().to_string();
    let keeper = Keeper::new(home.path(), &CheckpointPlace::Folder(folder));
    assert_eq!(keeper.read(FILE).await.unwrap(), None);
    for size in [7, 8] {
        keeper.keep(FILE, kept(size), false).await.unwrap();
        let there = keeper.read(FILE).await.unwrap();
        assert_eq!(there, Some(kept(size).note));
    }
    fs::write(place.path().join("azora-fedc.checkpoint"), "x\n").unwrap();
    let all = keeper.all(&[FILE.to_owned()]).await.unwrap();
    assert_eq!((all.notes.len(), all.others), (1, 1));
    // Not there, and in the home itself.
    let not = |folder: &Path| {
        Keeper::new(
            home.path(),
            &CheckpointPlace::Folder(folder.display().to_string()),
        )
    };
    let why = not(&place.path().join("stick")).read(FILE).await;
    assert!(why.unwrap_err().contains("No such file"));
    fs::create_dir(home.path().join("inside")).unwrap();
    std::os::unix::fs::symlink(home.path().join("inside"), place.path().join("link")).unwrap();
    let why = not(&place.path().join("link")).read(FILE).await;
    assert!(why.unwrap_err().contains("in the home itself"));
}

#[tokio::test]
async fn what_counts_in_a_repository_is_what_was_committed() {
    let (home, place) = (testkit::Home::new(), testkit::Home::new());
    let (tree, below) = (place.path(), place.path().join("below"));
    let keeper = repository(home.path(), &below, false);
    let why = keeper.read(FILE).await.unwrap_err();
    assert!(why.contains("No such file"), "{why}");
    fs::create_dir(&below).unwrap();
    let why = keeper.read(FILE).await.unwrap_err();
    assert!(why.contains("not a git repository"), "{why}");
    run(tree, &["init", "-q"]).await;
    assert_eq!(
        keeper.read(FILE).await.unwrap(),
        None,
        "nothing is committed"
    );
    // What somebody else has staged, or ignores, is left alone.
    fs::write(tree.join(".gitignore"), "*.checkpoint\n").unwrap();
    run(tree, &["add", ".gitignore"]).await;
    keeper.keep(FILE, kept(7), false).await.unwrap();
    assert_eq!(
        run(tree, &["status", "--porcelain"]).await,
        "A  .gitignore\n"
    );
    let subject = run(tree, &["log", "--format=%s"]).await;
    assert_eq!(subject, "Checkpoint of 7 entries\n");
    fs::write(below.join(FILE), "changed\n").unwrap();
    assert_eq!(keeper.read(FILE).await.unwrap(), Some(kept(7).note));
    keeper.keep(FILE, kept(8), false).await.unwrap();
    assert_eq!(keeper.read(FILE).await.unwrap(), Some(kept(8).note));
}

#[tokio::test]
async fn a_commit_is_pushed_where_that_is_asked_for_and_again_when_it_could_not_be() {
    let (home, place) = (testkit::Home::new(), testkit::Home::new());
    let (bare, clone) = (place.path().join("bare"), place.path().join("clone"));
    let names = [&bare, &clone].map(|path| path.display().to_string());
    run(
        place.path(),
        &["init", "-q", "--bare", "-b", "main", &names[0]],
    )
    .await;
    run(place.path(), &["clone", "-q", &names[0], &names[1]]).await;
    run(&clone, &["commit", "-q", "--allow-empty", "-m", "First"]).await;
    run(&clone, &["push", "-q", "-u", "origin", "HEAD:main"]).await;
    let why = repository(home.path(), &bare, false).read(FILE).await;
    assert!(why.unwrap_err().contains("no working tree"));
    let keeper = repository(home.path(), &clone, true);
    let away = place.path().join("away");
    fs::rename(&bare, &away).unwrap();
    let why = keeper.keep(FILE, kept(7), false).await.unwrap_err();
    assert!(why.contains("git says"), "{why}");
    fs::rename(&away, &bare).unwrap();
    // It is committed already.
    assert_eq!(keeper.read(FILE).await.unwrap(), Some(kept(7).note));
    keeper.keep(FILE, kept(7), true).await.unwrap();
    let subjects = run(&bare, &["log", "--format=%s", "main"]).await;
    assert_eq!(subjects, "Checkpoint of 7 entries\nFirst\n");
    let quiet = repository(home.path(), &clone, false);
    quiet.keep(FILE, kept(8), false).await.unwrap();
    assert_eq!(run(&bare, &["log", "--format=%s", "main"]).await, subjects);
}

#[tokio::test]
async fn a_place_that_holds_up_a_thread_is_not_given_another() {
    let (home, place) = (testkit::Home::new(), testkit::Home::new());
    let folder = place.path().display().to_string();
    let keeper = Keeper::new(home.path(), &CheckpointPlace::Folder(folder));
    let (let_go, held) = std::sync::mpsc::sync_channel::<()>(0);
    let first = keeper.apart(move || {
        let _ = held.recv();
        Ok(())
    });
    let both = async {
        tokio::join!(biased; first, async {
            let second = keeper.read(FILE).await;
            drop(let_go);
            second
        })
    };
    let (first, second) = both.await;
    assert_eq!(first, Ok(()));
    assert_eq!(second.unwrap_err(), "it does not answer");
    assert_eq!(keeper.read(FILE).await, Ok(None));
}
