//! Machines that are asked over Modbus: TCP, RTU on a serial line, RTU over TCP. It reads (function codes 1 to 4), and
//! writes nothing but the configured outputs (5, 6, 15, 16) that show people what a machine is doing.
//!
//! [`configuration`] says what to read; [`plan`] joins it into requests, [`schedule`] says whose turn it is, [`frame`]
//! and [`decode`] turn bytes into values, [`change`] says which of them are worth submitting, `output` what is written
//! and when: all pure. [`link`] is the connection, [`run`] its owner: one task per `[[modbus]]`, so one silent peer
//! never holds up another connection.
//!
//! The framing is our own and not that of a client library. What is needed of it is eight function codes with every length
//! checked, a drained line after a timeout, frames found behind noise, and no allocation per poll. `tokio-modbus`, the
//! best of the libraries, checks the word count of an answer with `debug_assert!` only (a short answer panics in a debug
//! build and shifts values in a release build), takes a late RTU answer for the next one (its #324), keeps no silent
//! interval (#180) and does not find its way back after noise (#60). As a server it plays the machines in the tests.

pub mod change;
pub mod configuration;
pub mod decode;
mod device;
pub mod frame;
pub mod link;
mod output;
pub mod plan;
mod poll;
mod register;
pub mod schedule;
pub mod survey;

#[cfg(test)]
mod tests;

pub use poll::run;
