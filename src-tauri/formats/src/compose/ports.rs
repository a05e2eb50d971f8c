//! Published ports in their short form: `[[IP:]PUBLISHED:]TARGET[/PROTOCOL]`, ranges among them.

use super::canonical::entry;
use crate::yaml::{Files, Kind, Node, Scalar, Value};
use spec::{Problem, quoted};

/// Ports of one service.
const MAX_PORTS: usize = 1_000;

/// A list of ports in long form.
pub(super) fn long(node: Node, files: &mut Files) -> Node {
    let Kind::List(items) = node.kind else {
        return node;
    };
    let mut ports = Vec::new();
    for item in items {
        let Some(scalar) = item.as_scalar() else {
            ports.push(item);
            continue;
        };
        let text = scalar.words();
        match short(&text) {
            Ok(more) if ports.len() + more.len() > MAX_PORTS => {
                files.wrong(item.place, |span| {
                    Problem::new(span, format!("more than {MAX_PORTS} ports"), "here")
                        .help("publish the ones that are used")
                });
                break;
            }
            // A port in long form is five values.
            Ok(more) if !files.spend(5 * more.len(), 0, item.place) => break,
            Ok(more) => ports.extend(more.into_iter().map(|port| port.node(&item))),
            Err(wrong) => files.wrong(item.place, |span| {
                Problem::new(span, format!("{} is no port: {wrong}", quoted(&text)), "here")
                    .help("a port is \"80\", \"8080:80\", \"127.0.0.1:8080:80\" or \"8000-8010:80-90/udp\"")
            }),
        }
    }
    Node::of(Kind::List(ports), node.place)
}

/// One port of the short form.
#[derive(Debug, PartialEq, Eq)]
struct Port {
    host: Option<String>,
    /// A port or a range of which any is taken.
    published: Option<String>,
    target: u16,
    protocol: String,
}

impl Port {
    fn node(self, from: &Node) -> Node {
        let text = |text: String| Node::text(text, from.place);
        let target = Scalar {
            text: self.target.to_string(),
            value: Value::Int(i128::from(self.target)),
        };
        let mut entries = vec![entry("target", Node::scalar(target, from.place))];
        entries.extend(self.published.map(|port| entry("published", text(port))));
        entries.extend(self.host.map(|host| entry("host_ip", text(host))));
        entries.push(entry("protocol", text(self.protocol)));
        Node::of(Kind::Map(entries), from.place)
    }
}

fn short(text: &str) -> Result<Vec<Port>, &'static str> {
    let (text, protocol) = match text.split_once('/') {
        Some((text, protocol)) => (text, protocol.to_lowercase()),
        None => (text, "tcp".to_owned()),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err("a protocol is tcp, udp or sctp");
    }
    let (rest, target) = match text.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, text),
    };
    let (host, published) = match rest {
        None => (None, None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((host, published)) => (Some(host), Some(published)),
            // `127.0.0.1::80` has no published port, and `127.0.0.1:80` no address.
            None => (None, Some(rest)),
        },
    };
    let host = host.map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    if let Some(host) = host
        && host.parse::<std::net::IpAddr>().is_err()
    {
        return Err("what stands before it is no address");
    }
    let targets = range(target)?;
    // 0 is any, as with sockets.
    let published = published.filter(|published| !matches!(*published, "" | "0"));
    let Some(published) = published else {
        let port = |target| Port {
            host: host.map(str::to_owned),
            published: None,
            target,
            protocol: protocol.clone(),
        };
        return Ok(targets.map(port).collect());
    };
    let from = range(published)?;
    let port = |target, published: String| Port {
        host: host.map(str::to_owned),
        published: Some(published),
        target,
        protocol: protocol.clone(),
    };
    if targets.len() == 1 && from.len() > 1 {
        return Ok(vec![port(*targets.start(), published.to_owned())]);
    }
    if targets.len() != from.len() {
        return Err("both ranges have the same length");
    }
    Ok(targets
        .zip(from)
        .map(|(target, published)| port(target, published.to_string()))
        .collect())
}

fn range(text: &str) -> Result<std::ops::RangeInclusive<u16>, &'static str> {
    let number = |text: &str| match text.parse::<u16>() {
        Ok(0) | Err(_) => Err("a port is 1 to 65535"),
        Ok(port) => Ok(port),
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if last < first {
        return Err("a range begins with its smaller port");
    }
    Ok(first..=last)
}
