//! Where the registry and the gateway listen: where whoever asked them before looks again.

use crate::shared::Shared;
use model::EventKind;
use std::io;
use std::sync::Arc;

/// The registry's port, unless another is asked for: beside the gateway's.
pub(crate) const REGISTRY_PORT: u16 = 7_421;

/// A port that somebody has chosen, or one of several that nobody has.
pub(crate) enum Wanted {
    /// This one and no other: where it is not to be had, what would listen there is not.
    Exactly(u16),
    /// The first of these that is to be had.
    First(Vec<u16>),
}

impl Wanted {
    /// What a host asked for, or else the settings, or else the usual port, the one that this home had
    /// last in its place, or any. `key`: under which it is kept.
    pub(crate) async fn of(shared: &Shared, key: &str, set: Option<u16>, usual: u16) -> Self {
        if let Some(port) = set {
            return Wanted::Exactly(port);
        }
        let last = shared.store.meta().get(key).await.ok().flatten();
        let last = last.and_then(|last| last.parse::<u16>().ok());
        let mut all = vec![usual];
        all.extend(last.filter(|last| *last != usual));
        all.push(0);
        Wanted::First(all)
    }

    /// It listens here now. Only what is in the place of the usual one has to be remembered.
    pub(crate) async fn keep(&self, shared: &Shared, key: &str, port: u16) {
        let Wanted::First(all) = self else { return };
        if all.first() == Some(&port) || all.get(1) == Some(&port) {
            return;
        }
        // Services are not kept from running by it.
        if let Err(error) = shared.store.meta().set(key, &port.to_string()).await {
            tracing::warn!(%error, port, "the port is not remembered");
        }
    }

    /// The ports to be tried.
    pub(crate) fn ports(&self) -> &[u16] {
        match self {
            Wanted::Exactly(port) => std::slice::from_ref(port),
            Wanted::First(all) => all,
        }
    }
}

/// Why there is none at a port that somebody chose, said where people look.
pub(crate) fn say(shared: &Arc<Shared>, text: String) {
    tracing::warn!("{text}");
    let limit = text.clone();
    shared.picture.set_engine(|view| view.limits.push(limit));
    shared.journal.event(None, EventKind::Notice { text });
}

/// What keeps us from a port: who has it, where somebody has. `key`: the setting that says another.
pub(crate) async fn why(port: u16, error: &io::Error, key: &str) -> String {
    if error.kind() != io::ErrorKind::AddrInUse {
        return format!("failed to listen on port {port}: {error}");
    }
    let looked = tokio::task::spawn_blocking(move || driver::who_listens(port)).await;
    let who = looked.unwrap_or_else(|_| "somebody".to_owned());
    format!(
        "port {port} is held by {who}. End that and start the engine anew, or give `{key}` in \
         settings.toml another port"
    )
}

#[cfg(test)]
mod tests {
    use crate::stage::{config, me};
    use crate::{Config, Engine};
    use model::view::EngineView;
    use std::net::TcpListener;
    use testkit::Home;

    async fn start(home: &Home) -> (Engine, EngineView) {
        let config = Config {
            registry_port: Some(0),
            gateway_port: Some(0),
            ..config(home)
        };
        let engine = Engine::start(config).await.unwrap();
        let view = engine.handle().shared.picture.engine();
        (engine, view)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test stands in for another program"
    )]
    fn bind(port: u16) -> std::io::Result<TcpListener> {
        TcpListener::bind(("127.0.0.1", port))
    }

    /// Ours or of somebody beside us: the usual ports are taken.
    fn usual_ones_taken() -> Vec<Option<TcpListener>> {
        let ports = [super::REGISTRY_PORT, gateway::DEFAULT_PORT];
        let all = ports.map(|port| bind(port).ok());
        all.into()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn where_the_usual_ports_are_taken_the_next_engine_is_at_those_of_the_last() {
        let home = Home::new();
        let _taken = usual_ones_taken();
        let (first, view) = start(&home).await;
        assert!(view.registry.is_some() && view.gateway.is_some());
        assert!(
            !view.registry.as_ref().unwrap().ends_with(":7421"),
            "{view:?}"
        );
        first.handle().shutdown(me(), true, String::new()).await;
        let (second, again) = start(&home).await;
        assert_eq!(
            (again.registry, again.gateway),
            (view.registry, view.gateway)
        );
        second.handle().shutdown(me(), true, String::new()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_has_a_port_that_was_chosen_is_said_and_no_other_is_used() {
        let home = Home::new();
        let taken = [0, 0].map(|port| bind(port).unwrap());
        let [registry, gateway] = taken.each_ref().map(|one| one.local_addr().unwrap().port());
        let text = format!("[registry]\nport = {registry}\n[gateway]\nport = {gateway}\n");
        std::fs::write(home.path().join("settings.toml"), text).unwrap();
        let (first, view) = start(&home).await;
        assert_eq!((view.registry, view.gateway), (None, None));
        let limits = view.limits.join("\n");
        for (what, port) in [("registry", registry), ("gateway", gateway)] {
            let me = std::process::id();
            let said = format!("there is no {what}: port {port} is held by pid {me}");
            assert!(limits.contains(&said), "{limits}");
        }
        first.handle().shutdown(me(), true, String::new()).await;
        drop(taken);
        let (second, view) = start(&home).await;
        let at = |port| Some(format!("http://127.0.0.1:{port}"));
        assert_eq!((view.registry, view.gateway), (at(registry), at(gateway)));
        second.handle().shutdown(me(), true, String::new()).await;
    }
}
