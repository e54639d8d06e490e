//! The parts of the `daybook` binary: configuration, command line, HTTP, WebSocket and GraphQL.

pub mod cli;
pub mod config;
pub mod demo;
pub mod graphql;
pub mod http;
pub mod import;
pub mod redact;
pub mod server;
mod traces;
