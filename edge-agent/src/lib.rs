//! The edge agent: what machines, scanners and people say becomes durable events, and reaches central exactly once.
//!
//! # The way of a reading
//! [`sources`] (I/O shells) → [`capture`] → [`signals`] (pure: readings and time in, events out) → [`buffer`] (the SQLite
//! log, one owner) → [`uplink`] (a pure state machine in a thin I/O shell) → central.
//!
//! A reading counts as captured when the commit that holds its events **and** the state they were concluded from has
//! returned. Only then is a broker acknowledged or a scanner told "stored".

pub mod buffer;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod configuration;
pub mod identity;
pub mod reading;
pub mod run;
pub mod signals;
pub mod sources;
pub mod station;
pub mod status;
pub mod uplink;
