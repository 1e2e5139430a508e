//! Work orders: what is to be made ([`orders`], which people maintain), and the work on it (`job_log`, facts of agents).

pub mod jobs;
pub mod orders;
pub mod routes;
pub mod store;
