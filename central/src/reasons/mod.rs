//! Reasons: what people may say of a stop, of scrap and of rework.
//!
//! A reason that is no longer to be given is retired by `active`: facts that name it keep their title. Deleting is for one
//! that no fact names, such as a typing error. Facts carry the code itself and need no row here: what a station that was
//! offline says with a reason that was deleted meanwhile is kept, without a title.

pub mod routes;
pub mod store;
