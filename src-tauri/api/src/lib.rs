//! api
pub mod views;
