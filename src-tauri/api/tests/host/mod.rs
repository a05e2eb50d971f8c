//! The HTTP host on a port of its own, in front of whatever desk a test gives it, with a token in a folder.

use api::http::token::Token;
use api::http::{Desk, Server, bind, serve};
use std::sync::Arc;

pub(crate) struct Scene<D> {
    pub(crate) server: Server,
    pub(crate) desk: Arc<D>,
    pub(crate) port: u16,
    pub(crate) token: String,
    _home: tempfile::TempDir,
}

impl<D: Desk> Scene<D> {
    pub(crate) async fn with(desk: D) -> Self {
        let home = tempfile::tempdir().unwrap();
        let token = Token::generate().unwrap();
        token.write(home.path()).unwrap();
        let text = std::fs::read_to_string(home.path().join("token")).unwrap();
        let desk = Arc::new(desk);
        let server = serve(bind(0).await.unwrap(), desk.clone(), token).unwrap();
        let port = server.address().port();
        Self {
            server,
            desk,
            port,
            token: text,
            _home: home,
        }
    }
}
