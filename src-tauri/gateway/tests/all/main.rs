//! The gateway with real sockets: instances that are threads of the test, and clients that send bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod balance;
mod carry;
mod end;
mod grpc;
mod half;
mod refuse;
mod world;
