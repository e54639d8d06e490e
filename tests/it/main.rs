//! Daybook from outside, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]
#![allow(clippy::print_stdout, reason = "fault loops say how many faults hit")]

mod access;
mod append_only;
mod audit;
mod command_line;
mod credentials;
mod docs;
mod downloads;
mod dropped_requests;
mod export_compression;
mod export_csv;
mod export_pieces;
mod exports;
mod fairness;
mod faults;
mod feed;
mod feed_many;
mod feed_progress;
mod feed_resume;
mod filters;
mod flow;
mod guard;
mod http;
mod import;
mod job_errors;
mod job_pages;
mod jobs;
mod migration;
mod notes;
mod notes_limits;
mod notes_pages;
mod pages;
mod plans;
mod recording;
mod recording_concurrent;
mod recording_limits;
mod refusals;
mod schema;
mod socket;
mod socket_edges;
mod state_machine;
mod tail;
mod tenancy;
mod unknown_commit;
mod watch;
