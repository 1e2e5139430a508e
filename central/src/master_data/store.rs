//! What every change does beside its own rows.

use sqlx::PgConnection;

/// Tells listeners to look again, once the transaction commits.
pub async fn notify(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify('changes', '')").execute(connection).await?;
    Ok(())
}
