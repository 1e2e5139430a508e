//! Operators: people who may log on at a station, by badge or by number and PIN. Badges and PINs come in, and only
//! hashes of them are kept and sent to agents; nothing answers with either.

pub mod routes;
pub mod secrets;
pub mod store;
