//! Containers in a definition.

use spec::container::{Check, Publish};
use spec::{Container, Run, Runs, Template};

/// Records on disk hold services, and those of engines that knew no containers stay readable.
#[test]
fn a_process_is_kept_as_it_was_before_there_were_containers() {
    let old = r#"{"direct":[[{"text":"serve"}]]}"#;
    let process = Runs::Process(Run::Direct(vec![Template::text("serve")]));
    assert_eq!(serde_json::to_string(&process).unwrap(), old);
    assert_eq!(serde_json::from_str::<Runs>(old).unwrap(), process);

    let container = Container {
        image: Some("postgres:16".into()),
        command: Some(vec![Template::text("postgres"), Template::text("a b")]),
        publish: vec![Publish {
            address: [127, 0, 0, 1].into(),
            host: None,
            container: 53,
            protocol: spec::container::Protocol::Udp,
        }],
        check: Check::Off,
        ..Container::default()
    };
    assert_eq!(
        container.to_string(),
        "image postgres:16, command postgres 'a b'"
    );
    let container = Runs::Container(Box::new(container));
    let text = serde_json::to_string(&container).unwrap();
    assert_eq!(serde_json::from_str::<Runs>(&text).unwrap(), container);
    // What an older engine has written of a container lacks what has come since.
    let less: Runs = serde_json::from_str(r#"{"container":{"image":"a"}}"#).unwrap();
    assert_eq!(less.container().unwrap().image.as_deref(), Some("a"));
}
