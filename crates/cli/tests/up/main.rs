//! `greenroom up` and those who talk to it: the real program with real daemons, in files named after
//! what they promise.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_configuration;
mod clients;
mod hostile_clients;
mod init;
mod pools;
mod reloading;
mod running;
mod service_manager;
mod shutdown;
mod socket;
mod supervision;
