//! Plants: a factory, its name, and the time zone that its days are counted in.

pub mod store;
