//! The loopback HTTP host: the command table for the command line and the browser, and the UI.
//!
//! `POST /api/call/NAME` answers a call with JSON, `POST /api/stream/NAME` a stream with a line of
//! JSON per message, a WebSocket at `/api/socket` is a stream for a page (`sockets`), `GET` everything
//! else the built UI. Before anything else every request passes [`guard`]; `/api` also wants a token: the
//! [`token`] of this start is a person's, and others are agents', which the desk knows.
//!
//! It listens on 127.0.0.1 only and changes nothing on `GET`.

mod assets;
pub mod guard;
mod routes;
mod server;
mod sockets;
pub mod token;

pub(crate) use routes::{APPROVAL, ASKED, VIA};
pub use routes::{Asked, Desk};
pub use server::{Server, bind, serve};
