//! Who is at the other end of a connection, and what its requests are told on.

use crate::alarm::Alarm;
use crate::route::Route;
use crate::seat::Seat;
use crate::sniff::Sniffed;
use hyper::header::HeaderValue;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// One connection of a client. Its requests come one after another, or side by side in HTTP/2.
pub(crate) struct Client {
    /// Its address as a header.
    pub(crate) shown: HeaderValue,
    pub(crate) seat: Rc<Seat>,
    /// Bytes of HTTP/1 that hyper has read; none of HTTP/2, which has no two readings.
    pub(crate) sniffed: Option<Sniffed>,
    /// What the last request asked for, as most clients ask one host again and again.
    pub(crate) last: RefCell<Option<Last>>,
    /// When a request has taken too long.
    pub(crate) alarm: Alarm,
}

/// What a host has led to.
pub(crate) struct Last {
    pub(crate) version: u64,
    pub(crate) host: HeaderValue,
    pub(crate) forwarded: HeaderValue,
    pub(crate) route: Arc<Route>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, seat: Rc<Seat>, sniffed: Option<Sniffed>) -> Self {
        let ip = address.ip().to_canonical().to_string();
        Self {
            // An address has the letters of a header.
            shown: HeaderValue::try_from(ip).unwrap_or_else(|_| HeaderValue::from_static("")),
            seat,
            sniffed,
            last: RefCell::default(),
            alarm: Alarm::default(),
        }
    }
}
