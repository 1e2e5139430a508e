//! What agents are sent down. Kept in memory by plant and revision: after a change every agent of a plant asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::master_data::MasterData;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::sync::store;

#[derive(Debug, Default)]
pub struct MasterDataCache(Mutex<HashMap<i32, (u64, Arc<MasterData>)>>);

impl MasterDataCache {
    /// The plant's data, at least as new as `revision`. Read after the revision was: what is newer only comes again.
    pub async fn get(&self, pool: &PgPool, plant: i32, revision: u64) -> sqlx::Result<Arc<MasterData>> {
        let mut cached = self.0.lock().await;
        if let Some((_, data)) = cached.get(&plant).filter(|(known, _)| *known == revision) {
            return Ok(data.clone());
        }
        let data = Arc::new(store::master_data(pool, plant).await?);
        cached.insert(plant, (revision, data.clone()));
        Ok(data)
    }
}
