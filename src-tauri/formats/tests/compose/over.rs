//! Files laid over others: what is at their top, their variables, and their names.

use crate::{at, project, wanted};

#[test]
fn files_at_the_top_merge_too() {
    let base = "services: {web: {image: x}}\nnetworks:\n  n:\n    ipam: {config: [{subnet: 10.1.0.0/16, aux_addresses: {a: 10.1.0.2}}]}\n    labels: {a: x}\n";
    let over = "services: {db: {image: y}}\nnetworks:\n  n:\n    ipam: {config: [{subnet: 10.1.0.0/16, gateway: 10.1.0.1, aux_addresses: {b: 10.1.0.3}}, {subnet: 10.2.0.0/16}]}\n    labels: [b=y]\nvolumes: {v: {driver: local}}\n";
    let project = project(&[("compose.yaml", base), ("compose.override.yml", over)]);
    assert_eq!(project.services.len(), 2);
    assert_eq!(
        at(&project, "networks.n"),
        wanted(
            r#"{"name": "shop_n", "labels": {"a": "x", "b": "y"}, "subnets": [{"subnet": "10.1.0.0/16", "gateway": "10.1.0.1", "aux_addresses": {"a": "10.1.0.2", "b": "10.1.0.3"}}, {"subnet": "10.2.0.0/16"}]}"#
        )
    );
    assert_eq!(
        at(&project, "volumes.v"),
        wanted(r#"{"name": "shop_v", "driver": "local"}"#)
    );
}

#[test]
fn variables_are_resolved_file_by_file_before_they_are_merged() {
    let project = project(&[
        (
            "compose.yaml",
            "services: {web: {image: \"$SET\", ports: [\"${PORT:-80}:80\"]}}",
        ),
        (
            "compose.override.yaml",
            "services: {web: {ports: [\"${PORT:-80}:80\"], environment: {A: $PORT}}}",
        ),
        (".env", "PORT=8080\nSET=under\n"),
    ]);
    assert_eq!(at(&project, "services.web.image"), wanted(r#""set""#));
    assert_eq!(
        at(&project, "services.web.ports"),
        wanted(r#"[{"target": 80, "published": "8080", "protocol": "tcp"}]"#)
    );
    assert_eq!(
        at(&project, "services.web.environment"),
        wanted(r#"{"A": "8080"}"#)
    );
}

#[test]
fn only_a_file_of_a_usual_name_has_others_laid_over_it() {
    let over = ("compose.override.yaml", "services: {web: {image: over}}");
    let text = "services: {web: {image: x}}";
    for (label, image) in [
        ("compose.yaml", "over"),
        ("docker-compose.yml", "over"),
        ("stack.yaml", "x"),
    ] {
        let project = project(&[(label, text), over]);
        assert_eq!(
            project.services["web"].image.as_deref(),
            Some(image),
            "{label}"
        );
    }
}
