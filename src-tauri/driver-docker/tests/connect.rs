//! Finding a daemon, and saying what is wrong where there is none.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driver_docker::{ConnectError, Daemon, Kind, Surroundings};
use std::os::unix::net::UnixListener;
use testkit::Engine;

/// Surroundings in which `socket` is where it usually is.
fn with(home: &testkit::Home) -> Surroundings {
    Surroundings {
        home: Some(home.path().to_owned()),
        run: home.path().to_owned(),
        ..Surroundings::default()
    }
}

fn link(daemon: &testkit::Daemon, home: &testkit::Home, name: &str) {
    let place = home.path().join(name);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(daemon.socket(), place).unwrap();
}

#[tokio::test]
async fn dockers_daemon_is_found_and_says_what_it_is() {
    let Some(docker) = testkit::Daemon::shared(Engine::Docker) else {
        return;
    };
    let home = testkit::Home::new();
    link(docker, &home, "docker.sock");
    let daemon = Daemon::connect(&with(&home)).await.unwrap();
    assert_eq!(daemon.kind, Kind::Docker);
    assert_eq!(daemon.endpoint.why, "it is Docker's usual socket");
    assert!(!daemon.version.is_empty());
    daemon.ping().await.unwrap();
}

#[tokio::test]
async fn podmans_daemon_is_found_where_docker_has_none() {
    let Some(podman) = testkit::Daemon::shared(Engine::Podman) else {
        return;
    };
    let home = testkit::Home::new();
    link(podman, &home, "podman/podman.sock");
    let daemon = Daemon::connect(&with(&home)).await.unwrap();
    assert_eq!(daemon.kind, Kind::Podman);
    assert_eq!(daemon.endpoint.why, "it is Podman's usual socket");
}

#[tokio::test]
async fn without_any_it_says_what_to_install() {
    let home = testkit::Home::new();
    let error = Daemon::connect(&with(&home)).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotInstalled(_)));
    let text = error.to_string();
    assert!(text.contains("podman/podman.sock are not there"), "{text}");
    assert!(text.contains("docker.io"), "{text}");
}

#[tokio::test]
async fn a_socket_nobody_listens_at_is_a_daemon_that_does_not_run() {
    let home = testkit::Home::new();
    drop(UnixListener::bind(home.path().join("docker.sock")).unwrap());
    let error = Daemon::connect(&with(&home)).await.unwrap_err().to_string();
    assert!(error.starts_with("nobody listens at unix://"), "{error}");
    assert!(error.contains("systemctl start docker"), "{error}");

    let named = Surroundings {
        docker_host: Some("unix:///nowhere/docker.sock".into()),
        ..with(&home)
    };
    let error = Daemon::connect(&named).await.unwrap_err().to_string();
    assert!(error.contains("(DOCKER_HOST says so)"), "{error}");
    assert!(error.contains("there is no such socket"), "{error}");
}

#[tokio::test]
async fn who_may_not_is_told_the_group() {
    use std::os::unix::fs::PermissionsExt;
    let home = testkit::Home::new();
    let socket = home.path().join("docker.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let error = Daemon::connect(&with(&home)).await.unwrap_err();
    // Root may.
    if let ConnectError::NotAllowed { .. } = &error {
        assert!(error.to_string().contains("usermod -aG"), "{error}");
    } else {
        assert!(matches!(error, ConnectError::Strange { .. }), "{error}");
    }
}

#[tokio::test]
async fn who_speaks_something_else_is_no_daemon() {
    let home = testkit::Home::new();
    let listener = UnixListener::bind(home.path().join("docker.sock")).unwrap();
    let speaker = std::thread::spawn(move || {
        use std::io::Write;
        // It is tried, and then asked.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            // Who only tried is gone.
            let _ = stream.write_all(b"220 mail ready\r\n");
        }
    });
    let error = Daemon::connect(&with(&home)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Strange { .. }), "{error}");
    speaker.join().unwrap();
}
