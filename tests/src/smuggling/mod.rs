//! Requests and answers that two parsers may read differently, sent byte by byte through a proxy to a backend that is
//! strict and writes down all it reads.
//!
//! What is held of every case: the backend reads at most what the client meant, nothing of a body is ever read as a
//! request, an answer belongs to the request before it, and who asks next is answered as if nothing had been. The cases
//! are text ([`corpus`]); the proxy is whatever listens on a port ([`judge::Proxy`]).

pub mod client;
pub mod corpus;
pub mod h2;
pub mod judge;
pub mod recorder;
mod strict;

pub use corpus::Case;
pub use judge::{Proxy, judge};
pub use recorder::Recorder;
pub use strict::Request;
