//! Short and long forms of the properties of a service: what is written, and the one form that it becomes.

use crate::{at, project, wanted};

/// A service's body, a property, what it becomes.
const FORMS: &[(&str, &str, &str)] = &[
    // Ports.
    (
        "{ports: ['80']}",
        "ports",
        r#"[{"target": 80, "protocol": "tcp"}]"#,
    ),
    (
        "{ports: [80]}",
        "ports",
        r#"[{"target": 80, "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['8080:80']}",
        "ports",
        r#"[{"target": 80, "published": "8080", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: [8080:80]}",
        "ports",
        r#"[{"target": 80, "published": "8080", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['53:53/UDP']}",
        "ports",
        r#"[{"target": 53, "published": "53", "protocol": "udp"}]"#,
    ),
    (
        "{ports: ['127.0.0.1:8080:80']}",
        "ports",
        r#"[{"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['127.0.0.1::80']}",
        "ports",
        r#"[{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['[::1]:8080:80']}",
        "ports",
        r#"[{"target": 80, "published": "8080", "host_ip": "::1", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['8000-8001:80-81']}",
        "ports",
        r#"[{"target": 80, "published": "8000", "protocol": "tcp"}, {"target": 81, "published": "8001", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['8000-8010:80']}",
        "ports",
        r#"[{"target": 80, "published": "8000-8010", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['80-81']}",
        "ports",
        r#"[{"target": 80, "protocol": "tcp"}, {"target": 81, "protocol": "tcp"}]"#,
    ),
    (
        "{ports: [{target: 80, published: '8080', host_ip: 127.0.0.1, protocol: tcp, app_protocol: http, name: web}]}",
        "ports",
        r#"[{"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "tcp", "app_protocol": "http", "name": "web"}]"#,
    ),
    (
        "{ports: [{target: '80'}]}",
        "ports",
        r#"[{"target": 80, "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['80', '80']}",
        "ports",
        r#"[{"target": 80, "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['0:80', {target: 81, published: 0, protocol: UDP}]}",
        "ports",
        r#"[{"target": 80, "protocol": "tcp"}, {"target": 81, "protocol": "udp"}]"#,
    ),
    // Nothing is left of a variable.
    ("{restart: '${NOTHING:-}'}", "restart", r#""no""#),
    ("{user: '${NOTHING:-}', hostname: ''}", "user", ""),
    // Mounts.
    (
        "{volumes: ['v:/data']}",
        "volumes",
        r#"[{"what": {"volume": {"name": "v"}}, "target": "/data"}]"#,
    ),
    (
        "{volumes: ['v:/data:ro']}",
        "volumes",
        r#"[{"what": {"volume": {"name": "v"}}, "target": "/data", "read_only": true}]"#,
    ),
    (
        "{volumes: ['v:/data/:rw,nocopy']}",
        "volumes",
        r#"[{"what": {"volume": {"name": "v", "nocopy": true}}, "target": "/data"}]"#,
    ),
    (
        "{volumes: ['./src:/app']}",
        "volumes",
        r#"[{"what": {"bind": {"source": "src", "create": true}}, "target": "/app"}]"#,
    ),
    (
        "{volumes: ['.:/app:ro,z']}",
        "volumes",
        r#"[{"what": {"bind": {"source": ".", "create": true, "selinux": "z"}}, "target": "/app", "read_only": true}]"#,
    ),
    (
        "{volumes: [{type: bind, source: ./src, target: /app, bind: {create_host_path: false, propagation: rslave}}]}",
        "volumes",
        r#"[{"what": {"bind": {"source": "src", "propagation": "rslave"}}, "target": "/app"}]"#,
    ),
    (
        "{volumes: [{type: volume, source: v, target: /data, read_only: true, volume: {subpath: a}}]}",
        "volumes",
        r#"[{"what": {"volume": {"name": "v", "subpath": "a"}}, "target": "/data", "read_only": true}]"#,
    ),
    (
        "{volumes: [{type: tmpfs, target: /tmp, tmpfs: {size: 64m, mode: 0o1777}}]}",
        "volumes",
        r#"[{"what": {"tmpfs": {"size": 67108864, "mode": 1023}}, "target": "/tmp"}]"#,
    ),
    (
        "{volumes: [{type: image, source: tools, target: /tools, image: {subpath: bin}}]}",
        "volumes",
        r#"[{"what": {"image": {"image": "tools", "subpath": "bin"}}, "target": "/tools"}]"#,
    ),
    // Commands, by the rules of a shell, which is not run.
    (
        "{command: echo 'a b' \"c d\"}",
        "command",
        r#"["echo", "a b", "c d"]"#,
    ),
    (
        "{command: 'a\\ b $$HOME'}",
        "command",
        r#"["a b", "$HOME"]"#,
    ),
    ("{command: ''}", "command", ""),
    (
        "{command: [1, true, a b]}",
        "command",
        r#"["1", "true", "a b"]"#,
    ),
    // Variables.
    (
        "{environment: [A=1, 'B=x=y', C=, SET, NONE]}",
        "environment",
        r#"{"A": "1", "B": "x=y", "C": "", "SET": "set"}"#,
    ),
    (
        "{environment: {A: 1, B: 1.10, C: true, D: '', SET: , NONE: , E: 0x10}}",
        "environment",
        r#"{"A": "1", "B": "1.1", "C": "true", "D": "", "SET": "set", "E": "16"}"#,
    ),
    (
        "{environment: {A: '$SET', B: '${SET}$$X'}}",
        "environment",
        r#"{"A": "set", "B": "set$X"}"#,
    ),
    (
        "{environment: {'$SET': 1}}",
        "environment",
        r#"{"$SET": "1"}"#,
    ),
    (
        "{environment: ['$SET=1']}",
        "environment",
        r#"{"set": "1"}"#,
    ),
    (
        "{env_file: a.env}",
        "environment",
        r#"{"A": "file", "B": "file"}"#,
    ),
    (
        "{env_file: [a.env, b.env], environment: {A: own}}",
        "environment",
        r#"{"A": "own", "B": "second file"}"#,
    ),
    (
        "{env_file: [{path: none.env, required: false}]}",
        "env_files",
        r#"[{"path": "none.env"}]"#,
    ),
    // Needs.
    (
        "{depends_on: [db]}",
        "depends_on",
        r#"{"db": {"condition": "started", "required": true}}"#,
    ),
    (
        "{depends_on: {db: {condition: service_completed_successfully, required: false}}}",
        "depends_on",
        r#"{"db": {"condition": "succeeded"}}"#,
    ),
    (
        "{links: ['db:database']}",
        "depends_on",
        r#"{"db": {"condition": "started", "restart": true, "required": true}}"#,
    ),
    (
        "{network_mode: 'service:db'}",
        "depends_on",
        r#"{"db": {"condition": "started", "restart": true, "required": true}}"#,
    ),
    (
        "{depends_on: {gone: {condition: service_started, required: false}}}",
        "depends_on",
        "",
    ),
    // Health.
    (
        "{healthcheck: {test: curl x}}",
        "healthcheck",
        r#"{"test": {"shell": "curl x"}}"#,
    ),
    (
        "{healthcheck: {test: [CMD, curl, x]}}",
        "healthcheck",
        r#"{"test": {"direct": ["curl", "x"]}}"#,
    ),
    (
        "{healthcheck: {test: [CMD-SHELL, curl x]}}",
        "healthcheck",
        r#"{"test": {"shell": "curl x"}}"#,
    ),
    (
        "{healthcheck: {test: [NONE]}}",
        "healthcheck",
        r#"{"test": "disabled"}"#,
    ),
    (
        "{healthcheck: {disable: true}}",
        "healthcheck",
        r#"{"test": "disabled"}"#,
    ),
    (
        "{healthcheck: {interval: 1m30s, start_period: 500ms, start_interval: 1.5s, retries: '3'}}",
        "healthcheck",
        r#"{"interval": "90s", "start_period": "500ms", "start_interval": "1.5s", "retries": 3}"#,
    ),
    // Restart.
    ("{restart: on-failure}", "restart", ""),
    (
        "{restart: 'on-failure:5'}",
        "restart",
        r#"{"on_failure": 5}"#,
    ),
    ("{restart: no}", "restart", r#""no""#),
    (
        "{restart: unless-stopped}",
        "restart",
        r#""unless_stopped""#,
    ),
    (
        "{deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}}",
        "restart",
        r#"{"on_failure": 2}"#,
    ),
    ("{deploy: {restart_policy: {}}}", "restart", r#""always""#),
    (
        "{restart: always, deploy: {restart_policy: {condition: none}}}",
        "restart",
        r#""always""#,
    ),
    ("{deploy: {replicas: 3}}", "scale", "3"),
    ("{scale: 0}", "scale", "0"),
    // Builds.
    ("{build: ./web}", "build", r#"{"context": "web"}"#),
    ("{build: {}}", "build", r#"{"context": "."}"#),
    (
        "{build: {args: [A=1, SET, NONE]}}",
        "build.args",
        r#"{"A": "1", "SET": "set"}"#,
    ),
    (
        "{build: {dockerfile_inline: \"FROM x\\n\"}}",
        "build.dockerfile_inline",
        r#""FROM x\n""#,
    ),
    // Secrets and configs.
    (
        "{secrets: [key]}",
        "secrets",
        r#"[{"source": "key", "target": "/run/secrets/key"}]"#,
    ),
    (
        "{secrets: [{source: key, target: k}]}",
        "secrets",
        r#"[{"source": "key", "target": "/run/secrets/k"}]"#,
    ),
    (
        "{secrets: [{source: key, target: /etc/k}]}",
        "secrets",
        r#"[{"source": "key", "target": "/etc/k"}]"#,
    ),
    (
        "{configs: [conf]}",
        "configs",
        r#"[{"source": "conf", "target": "/conf"}]"#,
    ),
    // Sizes and numbers.
    (
        "{mem_limit: 512m, shm_size: 1gb, memswap_limit: -1}",
        "limits",
        r#"{"memory": 536870912, "shm_size": 1073741824, "memory_swap": -1}"#,
    ),
    (
        "{mem_limit: 1.5g, cpus: '0.5', pids_limit: 100}",
        "limits",
        r#"{"memory": 1610612736, "cpus": 0.5, "pids": 100}"#,
    ),
    (
        "{mem_limit: 1048576, mem_reservation: 64k}",
        "limits",
        r#"{"memory": 1048576, "memory_reservation": 65536}"#,
    ),
    (
        "{deploy: {resources: {limits: {cpus: '2', pids: 9}, reservations: {memory: 1k}}}}",
        "limits",
        r#"{"cpus": 2.0, "pids": 9, "memory_reservation": 1024}"#,
    ),
    (
        "{ulimits: {nofile: 1024}}",
        "limits.ulimits",
        r#"{"nofile": {"soft": 1024, "hard": 1024}}"#,
    ),
    (
        "{gpus: [{driver: nvidia, count: 1, options: [a=b]}]}",
        "container.device_requests",
        r#"[{"driver": "nvidia", "count": "1", "capabilities": ["gpu"], "options": {"a": "b"}}]"#,
    ),
    (
        "{deploy: {resources: {reservations: {devices: [{capabilities: [tpu], device_ids: ['0']}]}}}}",
        "container.device_requests",
        r#"[{"capabilities": ["tpu"], "device_ids": ["0"]}]"#,
    ),
    (
        "{volumes: [{type: volume, source: v, target: /a, volume: {labels: [a=b]}}]}",
        "volumes",
        r#"[{"what": {"volume": {"name": "v", "labels": {"a": "b"}}}, "target": "/a"}]"#,
    ),
    (
        "{blkio_config: {weight: 300, device_read_bps: [{path: /dev/sda, rate: 12mb}]}, cpu_rt_runtime: 400ms}",
        "limits",
        r#"{"blkio_weight": 300, "blkio": [{"path": "/dev/sda", "what": "read_bytes", "limit": 12582912}], "cpu_rt_runtime": 400000}"#,
    ),
    // What is handed on.
    (
        "{extra_hosts: ['a:10.0.0.1', 'b=::1', 'c:[::1]']}",
        "container.extra_hosts",
        r#"{"a": ["10.0.0.1"], "b": ["::1"], "c": ["::1"]}"#,
    ),
    (
        "{devices: [/dev/fuse]}",
        "container.devices",
        r#"[{"source": "/dev/fuse", "target": "/dev/fuse", "permissions": "rwm"}]"#,
    ),
    (
        "{gpus: all}",
        "container.device_requests",
        r#"[{"count": "all", "capabilities": ["gpu"]}]"#,
    ),
    (
        "{gpus: [{count: 2}]}",
        "container.device_requests",
        r#"[{"count": "2", "capabilities": ["gpu"]}]"#,
    ),
    (
        "{init: 'true', tty: on, read_only: True}",
        "container",
        r#"{"init": true, "tty": true, "read_only": true}"#,
    ),
    ("{dns: 1.1.1.1, tmpfs: /run}", "tmpfs", r#"["/run"]"#),
    (
        "{networks: {front: {aliases: [a], ipv4_address: 10.1.0.2}}}",
        "networks",
        r#"{"front": {"aliases": ["a"], "ipv4_address": "10.1.0.2"}}"#,
    ),
    (
        "{post_start: [{command: echo a, user: root}]}",
        "post_start",
        r#"[{"command": ["echo", "a"], "user": "root"}]"#,
    ),
    (
        "{pre_start: [{image: x, command: [a], environment: [B=1]}]}",
        "pre_start",
        r#"[{"image": "x", "command": ["a"], "environment": {"B": "1"}}]"#,
    ),
    (
        "{develop: {watch: [{path: ./src, action: restart, ignore: [node_modules/]}]}}",
        "watch",
        r#"[{"path": "src", "action": "restart", "ignore": ["node_modules/"]}]"#,
    ),
];

/// A project with a service of that body, and what it may name.
pub(crate) fn file(body: &str) -> String {
    let run = if body.contains("build:") {
        ""
    } else {
        "image: x, "
    };
    let body = body.replacen('{', &format!("{{{run}"), 1);
    format!(
        "services:\n  web: {body}\n  db: {{image: db}}\nvolumes: {{v: }}\nnetworks: {{front: }}\n\
         secrets: {{key: {{environment: SET}}}}\nconfigs: {{conf: {{content: a}}}}\n"
    )
}

#[test]
fn every_form_becomes_the_one_that_is_handed_on() {
    for (body, property, result) in FORMS {
        let text = file(body);
        let project = project(&[
            ("compose.yaml", &text),
            ("a.env", "A=file\nB=file\n"),
            ("b.env", "B=\"second file\"\n"),
        ]);
        let made = at(&project, &format!("services.web.{property}"));
        assert_eq!(made, wanted(result), "{body}");
    }
}
