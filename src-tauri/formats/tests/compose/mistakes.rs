//! What is written wrong in a service, and what is said of it.

use crate::forms::file;
use crate::refused;

/// A service's body and what is said of it.
const MISTAKES: &[(&str, &str)] = &[
    ("{ports: ['99999:80']}", "a port is 1 to 65535"),
    ("{ports: ['a:80']}", "a port is 1 to 65535"),
    ("{ports: ['80/http']}", "a protocol is tcp, udp or sctp"),
    (
        "{ports: ['1.2.3:80:80']}",
        "what stands before it is no address",
    ),
    (
        "{ports: ['80-90:80-91']}",
        "both ranges have the same length",
    ),
    ("{ports: ['90-80']}", "a range begins with its smaller port"),
    ("{ports: 80}", "it takes a list"),
    ("{ports: [{published: 80}]}", "a port without target"),
    ("{ports: [{target: 70000}]}", "it takes 1 to 65535"),
    ("{ports: [{target: 80, published: x}]}", "`x` is no port"),
    ("{ports: [[80]]}", "it takes a mapping"),
    ("{volumes: ['a:b:c:d']}", "too many colons"),
    (
        "{volumes: ['a:b']}",
        "the place in the container is an absolute path",
    ),
    ("{volumes: ['v:/a:wx']}", "an option is ro, rw"),
    ("{volumes: ['v:']}", "something is missing beside a colon"),
    (
        "{volumes: ['missing:/a']}",
        "uses the volume `missing`, which is not defined",
    ),
    ("{volumes: ['w:/a']}", "did you mean `v`?"),
    (
        "{volumes: ['v:/a', './x:/a/', '/b'], tmpfs: /b}",
        "two mounts at `/b`",
    ),
    ("{volumes: [{type: bind, target: /a}]}", "needs a source"),
    (
        "{volumes: [{type: magic, target: /a}]}",
        "there is no mount of type `magic`",
    ),
    (
        "{volumes: [{source: ./src, target: /a}]}",
        "a mount that names no type is a volume; write type: bind",
    ),
    ("{volumes: [{type: volume}]}", "without a target"),
    (
        "{command: \"echo 'a\"}",
        "a quote is not closed in `echo 'a`",
    ),
    ("{command: {a: b}}", "services.web.command is a mapping"),
    ("{environment: 5}", "it takes a mapping"),
    (
        "{environment: {A: [1]}}",
        "services.web.environment.A is a list",
    ),
    ("{environment: [{A: 1}]}", "an entry of this list is a text"),
    (
        "{env_file: none.env}",
        "the env file `none.env` cannot be read",
    ),
    (
        "{env_file: [{required: true}]}",
        "this env file has no path",
    ),
    ("{depends_on: [dp]}", "did you mean `db`?"),
    (
        "{depends_on: {db: {condition: healthy}}}",
        "a condition is service_started",
    ),
    ("{depends_on: [web]}", "in a circle: web → web"),
    (
        "{healthcheck: {test: [curl]}}",
        "begins with none of its words",
    ),
    ("{healthcheck: {interval: 5}}", "it takes a duration"),
    ("{healthcheck: {interval: -5s}}", "it takes a duration"),
    ("{healthcheck: {retries: -1}}", "it takes 0 to"),
    (
        "{restart: sometimes}",
        "it takes no, always, unless-stopped",
    ),
    ("{scale: 1000}", "it takes 0 to 100"),
    (
        "{scale: 2, deploy: {replicas: 3}}",
        "scale is 2, and deploy.replicas 3",
    ),
    (
        "{scale: 2, container_name: x}",
        "has one container_name for 2 instances",
    ),
    ("{networks: [frnt]}", "did you mean `front`?"),
    (
        "{networks: [front], network_mode: bridge}",
        "has networks and a network_mode",
    ),
    ("{secrets: [kay]}", "did you mean `key`?"),
    (
        "{configs: [none]}",
        "uses the config `none`, which is not defined",
    ),
    ("{mem_limit: lots}", "it takes a number of bytes"),
    ("{cpus: many}", "it takes a number"),
    ("{cpus: -1}", "less than nothing"),
    ("{tty: maybe}", "it takes true or false"),
    ("{imag: y}", "did you mean `image`?"),
    ("{build: {contxt: .}}", "did you mean `context`?"),
    (
        "{build: {dockerfile: a, dockerfile_inline: b}}",
        "has two Dockerfiles",
    ),
    ("{extra_hosts: [a]}", "names no address"),
    ("{ulimits: {nofile: {soft: 1}}}", "needs soft and hard"),
    (
        "{develop: {watch: [{path: x, action: dance}]}}",
        "an action is one of",
    ),
    ("{post_start: [{}]}", "has no command"),
    (
        "{image: '${NO:?say which}'}",
        "the variable `NO` has to be set: say which",
    ),
    ("{image: '${NO'}", "has a variable that cannot be read"),
];

#[test]
fn mistakes_are_said_at_their_place() {
    for (body, wanted) in MISTAKES {
        let text = match body.contains("image:") {
            true => format!("services:\n  web: {body}\n"),
            false => file(body),
        };
        let said = refused(&[("compose.yaml", &text)]);
        assert!(said.contains(wanted), "{body}: {said}");
        assert!(said.contains("compose.yaml:2:"), "{body}: {said}");
    }
}
