//! Who stands between a client and two backends: nobody, nginx, HAProxy, Azora's gateway. Each with one thread on a core
//! of its own; the backends share the core of who asks.

use crate::generator::{LOAD_CORE, SERVER_CORE, Target, pinned};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use testkit::Home;
use tests::{Azora, Folder, PATIENCE, free_ports, http, process};

/// Bytes of an answer.
pub(crate) const BODY: usize = 128;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// Nobody: the backend itself has the core.
    Direct,
    /// Debian's nginx.
    Nginx,
    /// Debian's HAProxy.
    Haproxy,
    /// The one this is about.
    Azora,
}

impl Proxy {
    /// All of them, the one to compare with first.
    pub(crate) const ALL: [Proxy; 4] = [Proxy::Direct, Proxy::Nginx, Proxy::Haproxy, Proxy::Azora];

    /// As tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Proxy::Direct => "direct",
            Proxy::Nginx => "nginx",
            Proxy::Haproxy => "haproxy",
            Proxy::Azora => "azora",
        }
    }
}

/// A proxy at work before two backends. Everything ends with it.
pub(crate) struct Stand {
    /// Which.
    pub(crate) proxy: Proxy,
    /// Where it is asked.
    pub(crate) target: Target,
    pids: Vec<u32>,
    children: Vec<Child>,
    _at_work: AtWork,
}

/// What has to outlive the measurement.
enum AtWork {
    Peer { _home: Home },
    Azora { _azora: Box<Azora>, _folder: Folder },
}

impl Stand {
    /// Starts it, and waits until it answers.
    pub(crate) fn begin(proxy: Proxy, azora: &Path, puppet: &Path) -> Result<Stand, String> {
        let stand = match proxy {
            Proxy::Azora => gateway(azora, puppet)?,
            Proxy::Direct | Proxy::Nginx | Proxy::Haproxy => peer(proxy, puppet)?,
        };
        let Target { port, host, path } = &stand.target;
        let answers = testkit::eventually(PATIENCE, || {
            http::get_of(*port, host, path).is_some_and(|answer| answer.code == 200)
        });
        match answers {
            true => Ok(stand),
            false => Err(format!(
                "{} does not answer on {port}: {:?}",
                proxy.name(),
                http::get_of(*port, host, path)
            )),
        }
    }

    /// CPU seconds that it has used.
    pub(crate) fn cpu(&self) -> f64 {
        let ticks: u64 = self
            .pids
            .iter()
            .copied()
            .filter_map(process::cpu_ticks)
            .sum();
        ticks as f64 / 100.0
    }

    /// Its share of memory, in kilobytes.
    pub(crate) fn memory(&self) -> u64 {
        let all = self.pids.iter().copied().filter_map(process::memory_kb);
        all.map(|kb| kb.0).sum()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        for child in &mut self.children {
            // The first process of nginx tells its worker, when it is asked to; killed, it leaves it behind.
            process::signal(child.id(), rustix::process::Signal::TERM);
            let ended = testkit::eventually(PATIENCE, || !matches!(child.try_wait(), Ok(None)));
            if !ended {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn peer(proxy: Proxy, puppet: &Path) -> Result<Stand, String> {
    let home = Home::new();
    let ports = free_ports(3);
    let (front, backends) = (ports[0], [ports[1], ports[2]]);
    let puppet = puppet.display().to_string();
    let core = match proxy {
        Proxy::Direct => SERVER_CORE,
        Proxy::Nginx | Proxy::Haproxy | Proxy::Azora => LOAD_CORE,
    };
    let mut children = Vec::new();
    for port in backends {
        let mut command = pinned(core, &puppet);
        command.args(["answer", &port.to_string(), &BODY.to_string()]);
        children.push(quietly(&mut command, &home)?);
    }
    let proxied = match proxy {
        Proxy::Nginx => {
            let file = write(&home, "nginx.conf", &nginx(home.path(), front, backends))?;
            let mut command = pinned(SERVER_CORE, "nginx");
            command.arg("-p").arg(home.path()).arg("-c").arg(file);
            Some(command)
        }
        Proxy::Haproxy => {
            let file = write(&home, "haproxy.cfg", &haproxy(front, backends))?;
            let mut command = pinned(SERVER_CORE, "haproxy");
            command.args(["-db", "-f"]).arg(file);
            Some(command)
        }
        Proxy::Direct | Proxy::Azora => None,
    };
    let port = match &proxied {
        Some(_) => front,
        None => backends[0],
    };
    let pids = match proxied {
        Some(mut command) => {
            // taskset becomes the program it runs.
            let child = quietly(&mut command, &home)?;
            let pid = child.id();
            children.push(child);
            vec![pid]
        }
        None => vec![children[0].id()],
    };
    let target = Target {
        port,
        host: format!("127.0.0.1:{port}"),
        path: "/".to_owned(),
    };
    let up = testkit::eventually(PATIENCE, || http::get(port, "/").is_some());
    if !up {
        return Err(format!("{} does not listen", proxy.name()));
    }
    Ok(Stand {
        proxy,
        target,
        pids: with_children(&pids),
        children,
        _at_work: AtWork::Peer { _home: home },
    })
}

fn gateway(azora: &Path, puppet: &Path) -> Result<Stand, String> {
    let folder = Folder::with(&format!(
        "[cluster]\nname = \"bench\"\n[service.web]\n\
         run = \"taskset -c {LOAD_CORE} {} answer $PORT {BODY}\"\nport = 0\nreplicas = 2\n",
        puppet.display()
    ));
    let azora = Azora::with(azora.to_owned());
    let engine = azora
        .serve_after(
            folder.path(),
            &format!("taskset -pc {SERVER_CORE} $$ >/dev/null"),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("failed to run azora: {error}"))?;
    let pid = engine.id();
    let there = testkit::eventually(PATIENCE, || azora.listens(pid));
    if !there {
        return Err("the engine does not listen".to_owned());
    }
    azora.up(folder.path());
    let port = azora.gateway().ok_or("this azora has no gateway")?;
    Ok(Stand {
        proxy: Proxy::Azora,
        target: Target {
            port,
            host: format!("web.bench.localhost:{port}"),
            path: "/".to_owned(),
        },
        pids: vec![pid],
        children: vec![engine],
        _at_work: AtWork::Azora {
            _azora: Box::new(azora),
            _folder: folder,
        },
    })
}

fn with_children(pids: &[u32]) -> Vec<u32> {
    let below = process::all()
        .into_iter()
        .filter(|pid| process::parent(*pid).is_some_and(|parent| pids.contains(&parent)));
    pids.iter().copied().chain(below).collect()
}

fn quietly(command: &mut Command, home: &Home) -> Result<Child, String> {
    command
        .current_dir(home.path())
        // By this whatever belongs to it is found when it is to end.
        .env("AZORA_HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("failed to run {command:?}: {error}"))
}

fn write(home: &Home, name: &str, text: &str) -> Result<std::path::PathBuf, String> {
    let file = home.path().join(name);
    std::fs::write(&file, text)
        .map_err(|error| format!("failed to write {}: {error}", file.display()))?;
    Ok(file)
}

fn nginx(folder: &Path, front: u16, [a, b]: [u16; 2]) -> String {
    let d = folder.display();
    let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {d}/{kind};"))
        .collect();
    format!(
        "daemon off; worker_processes 1; error_log {d}/error.log; pid {d}/nginx.pid;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; {scratch}\n\
         upstream b {{ server 127.0.0.1:{a}; server 127.0.0.1:{b}; keepalive 128; keepalive_requests 1000000000; }}\n\
         server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://b; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; }} }} }}\n"
    )
}

fn haproxy(front: u16, [a, b]: [u16; 2]) -> String {
    format!(
        "global\n  nbthread 1\n  maxconn 4096\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         \x20 option http-keep-alive\n  http-reuse always\n\
         frontend f\n  bind 127.0.0.1:{front}\n  default_backend b\n\
         backend b\n  balance roundrobin\n  server s1 127.0.0.1:{a}\n  server s2 127.0.0.1:{b}\n"
    )
}
