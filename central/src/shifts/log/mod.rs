//! Who was there, and what they handed over, for the API. Nothing here writes.

pub mod store;
