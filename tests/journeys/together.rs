//! Several files of a folder, what people call services, and what they have said before.

use tests::{Azora, Folder};

const PROCFILE: &str = "web: puppet hang\nMy_Job: puppet hang\n";
const PROCESSES: &str =
    "processes:\n  web: {command: puppet hang}\n  late: {command: puppet hang, namespace: tools}\n";

#[test]
fn two_files_of_a_folder_become_one_definition_and_their_names_are_understood() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    folder.write("Procfile", PROCFILE);
    folder.write("process-compose.yaml", PROCESSES);
    let here = folder.path();
    let checked = azora.run(here, &["import"]);
    let said = "also here: Procfile; `azora import process-compose.yaml Procfile` puts them into one definition";
    assert!(checked.err.contains(said), "{}", checked.err);
    let both = ["import", "process-compose.yaml", "Procfile", "--write"];
    let written = azora.run(here, &both);
    assert_eq!(written.code, 0, "{}", written.err);
    let said =
        "note: Procfile:1: web is called web-2 here: process-compose.yaml:2 has a web as well";
    assert!(written.err.contains(said), "{}", written.err);
    azora.up(here);
    let names: Vec<String> = azora.instances(here).into_keys().collect();
    assert_eq!(names, ["late.0", "my-job.0", "web-2.0", "web.0"]);

    // By the name that the file had, and with what may be meant.
    azora.ok(here, &["stop", "My_Job"]);
    assert_eq!(azora.instance(here, "my-job.0").state, "stopped");
    let slip = azora.run(here, &["logs", "lat"]);
    assert_eq!(slip.code, 3, "{}", slip.err);
    assert!(slip.err.contains("did you mean late?"), "{}", slip.err);
    let no_path = azora.run(here, &["up", "My_Job"]);
    let said = "my-job is a service of azora.toml, and `azora up --service my-job` brings it up";
    assert!(no_path.err.contains(said), "{}", no_path.err);
    azora.ok(here, &["up", "--service", "My_Job", "--detach"]);
    assert_eq!(azora.instance(here, "my-job.0").state, "ready");

    // What was scaled stays so, and is told.
    azora.ok(here, &["scale", "late=2"]);
    let again = azora.run(here, &["up", "--detach"]);
    assert!(
        again.err.contains("late: 2 instances, as it was scaled"),
        "{}",
        again.err
    );
    assert_eq!(azora.instances(here).len(), 5);
    azora.ok(here, &["down"]);
}

#[test]
fn a_compose_file_is_read_with_the_profiles_that_are_asked_for() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    folder.write(
        "compose.yaml",
        "services:\n  cpu: {image: x, profiles: [cpu], ports: ['18080:80']}\n  gpu: {image: y, profiles: [gpu], ports: ['18080:80']}\n",
    );
    let here = folder.path();
    let exact = "port = { number = 18080, exact = true }";
    let made = azora.ok(here, &["import", "--profile", "gpu"]);
    let gpu = made.find("[service.gpu]").expect("it is in there");
    assert!(made[gpu..].contains(exact), "{made}");
    assert!(!made[gpu..].contains("profiles"), "{made}");
    assert!(!made[..gpu].contains(exact), "{made}");
    for words in [
        &["check", "--profile", "gpx"][..],
        &["import", "--profile", "gpx"],
        &["up", "--profile", "gpx", "--detach"],
        &["run", "--profile", "gpx", "--", "true"],
    ] {
        let refused = azora.run(here, words);
        assert_eq!(refused.code, 2, "{words:?}: {}", refused.err);
        assert!(
            refused.err.contains("did you mean \"gpu\"?"),
            "{words:?}: {}",
            refused.err
        );
    }
    azora.ok(here, &["check", "--profile", "gpu"]);
}
