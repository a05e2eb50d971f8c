//! Why there is no gateway.

/// Why there is no gateway. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its port cannot be had.
    #[error("listen on port {port} of 127.0.0.1 and ::1")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It cannot have its threads.
    #[error("make the gateway's threads")]
    Thread(#[source] std::io::Error),
}
