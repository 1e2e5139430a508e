//! What people maintain: how lists, changes and imports of it are alike.
//!
//! Written by people over the API, and by nobody else but sync, which registers machines when an agent first names them.
//! A change is one transaction: the row, its entry in the audit log, and (by triggers) the plant's revision, which brings
//! it to every agent of the plant with its next batch. A replacement names the version that it was made from; one made from
//! an older version is refused, so that nobody overwrites what they have not seen, and a retry of a replacement that
//! was carried out is refused too. What facts refer to is never deleted but retired (`active`).

pub mod change;
pub mod import;
pub mod list;
pub mod store;
pub mod text;

use sqlx::PgPool;

use crate::operators::secrets::Hashing;
use crate::web::Reads;

/// What a route that edits master data needs.
#[derive(Debug, Clone)]
pub struct Editing {
    pub reads: Reads,
    pub pool: PgPool,
    pub hashing: Hashing,
}

impl Editing {
    #[must_use]
    pub fn new(reads: Reads, pool: PgPool) -> Editing {
        Editing { reads, pool, hashing: Hashing::default() }
    }
}
