//! Services that this program is itself, behind the gateway of a real engine.

use crate::{Azora, http, until};
use std::net::TcpStream;

/// Where a service is asked for through the gateway.
#[derive(Debug, Clone)]
pub struct Named {
    /// The gateway's port.
    pub port: u16,
    /// `echo.localhost:7422`.
    pub host: String,
}

/// Has the gateway lead this name to what listens on a port of this machine.
///
/// # Panics
/// When it cannot be registered, or there is no gateway, or it does not know the name in time.
#[track_caller]
pub fn register(azora: &Azora, name: &str, to: u16) -> Named {
    assert!(
        TcpStream::connect(("127.0.0.1", to)).is_ok(),
        "{to} listens"
    );
    let body = format!("{{\"name\":\"{name}\",\"url\":\"http://127.0.0.1:{to}\",\"ttl\":3600}}");
    let answer = http::ask(azora.registry(), "POST", "/register", &body).expect("it answers");
    assert_eq!(answer.code, 201, "{}", answer.body);
    let port = azora.gateway().expect("there is a gateway");
    let host = format!("{name}.localhost:{port}");
    // Of what it does not know it says so; whatever else comes back is of the service.
    until("the gateway to know it", || {
        http::get_of(port, &host, "/").filter(|answer| answer.code != 404)
    });
    Named { port, host }
}
