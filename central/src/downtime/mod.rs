//! Stops: what was said of them ([`store`], by sync; [`correction`], by people at central), and what they are, reconstructed
//! from all of it ([`stops`]).

pub mod correction;
pub mod routes;
pub mod stops;
pub mod store;
