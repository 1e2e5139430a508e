//! `agents` and `enrolment_invitations`.

use chrono::{DateTime, Utc};
use protocol::enrolment::KeyFingerprint;
use protocol::id::{AgentId, Name};
use serde_json::json;
use sqlx::{PgConnection, PgPool, Row as _};

use crate::agents::enrolment::{Applicant, Enrolled, EnrolmentError, Invitation, secret_hash};
use crate::auth::audit::{self, Actor, Entry};

/// An enrolled agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Small number that facts carry.
    pub id: i32,
    pub agent: AgentId,
    pub enabled: bool,
}

/// The agent that a key belongs to.
pub async fn by_key(pool: &PgPool, key: KeyFingerprint) -> sqlx::Result<Option<Identity>> {
    let row = sqlx::query("SELECT id, uuid, enabled FROM agents WHERE key_fingerprint = $1")
        .bind(&key.0[..])
        .fetch_optional(pool)
        .await?;
    row.map(|row| Ok(Identity { id: row.try_get(0)?, agent: AgentId(row.try_get(1)?), enabled: row.try_get(2)? }))
        .transpose()
}

/// Records an invitation and its row in the audit log, without its secret; the invitation's number.
pub async fn invite(
    connection: &mut PgConnection,
    invitation: &Invitation,
    by: &Actor<'_>,
) -> Result<i32, EnrolmentError> {
    let plant = &invitation.plant;
    refuse_name_in_use(connection, plant.id, &invitation.agent).await?;
    let id = sqlx::query_scalar(
        "INSERT INTO enrolment_invitations (plant_id, agent_name, secret_hash, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(plant.id)
    .bind(invitation.agent.as_str())
    .bind(&secret_hash(&invitation.secret)[..])
    .bind(by.name)
    .bind(invitation.created_at)
    .bind(invitation.expires_at)
    .fetch_one(&mut *connection)
    .await?;
    let entry = Entry {
        action: "invitation.create",
        subject_kind: "invitation",
        subject_id: format!("{}/{}", plant.name, invitation.agent),
        plant_id: Some(plant.id),
        detail: json!({ "expires_at": invitation.expires_at, "central_address": invitation.address }),
    };
    audit::record(connection, invitation.created_at, by, &entry).await?;
    Ok(id)
}

async fn refuse_name_in_use(connection: &mut PgConnection, plant: i32, name: &str) -> Result<(), EnrolmentError> {
    let in_use: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM agents WHERE plant_id = $1 AND name = $2 AND enabled)")
            .bind(plant)
            .bind(name)
            .fetch_one(connection)
            .await?;
    if in_use { Err(EnrolmentError::NameInUse { name: name.to_owned() }) } else { Ok(()) }
}

/// Lets an applicant in, or says why not. Asking again with the same key gives the same answer: the first one may have
/// been lost on the way.
///
/// An agent that takes the name of a disabled one takes over its machines and stations.
pub async fn enrol(pool: &PgPool, applicant: &Applicant) -> Result<Enrolled, EnrolmentError> {
    let mut transaction = pool.begin().await?;
    let row = sqlx::query(
        "SELECT i.id, i.plant_id, p.name, i.agent_name, i.expires_at, i.used_at IS NOT NULL, a.uuid, a.key_fingerprint
         FROM enrolment_invitations i JOIN plants p ON p.id = i.plant_id LEFT JOIN agents a ON a.id = i.agent_id
         WHERE i.secret_hash = $1 FOR UPDATE OF i",
    )
    .bind(&secret_hash(&applicant.secret)[..])
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(EnrolmentError::Unknown)?;
    let (invitation, plant): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
    let (plant_name, agent_name): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    let names = |id| {
        let name = |text: String| Name::new(&text).map_err(|error| sqlx::Error::Decode(error.into()));
        Ok::<_, sqlx::Error>(Enrolled { agent: AgentId(id), name: name(agent_name.clone())?, plant: name(plant_name)? })
    };
    if row.try_get::<bool, _>(5)? {
        let key: Option<Vec<u8>> = row.try_get(7)?;
        return match row.try_get::<Option<uuid::Uuid>, _>(6)? {
            Some(id) if key.as_deref() == Some(&applicant.key.0[..]) => Ok(names(id)?),
            _ => Err(EnrolmentError::Used),
        };
    }
    if row.try_get::<chrono::DateTime<chrono::Utc>, _>(4)? < applicant.at {
        return Err(EnrolmentError::Expired);
    }
    refuse_name_in_use(&mut transaction, plant, &agent_name).await?;
    let holder: Option<String> = sqlx::query_scalar("SELECT name FROM agents WHERE key_fingerprint = $1")
        .bind(&applicant.key.0[..])
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(name) = holder {
        return Err(EnrolmentError::KeyInUse { name });
    }
    insert_agent(&mut transaction, applicant, plant, &agent_name, invitation).await?;
    transaction.commit().await?;
    Ok(names(applicant.new_id)?)
}

async fn insert_agent(
    connection: &mut PgConnection,
    applicant: &Applicant,
    plant: i32,
    name: &str,
    invitation: i32,
) -> sqlx::Result<()> {
    let agent: i32 = sqlx::query_scalar(
        "INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(applicant.new_id)
    .bind(plant)
    .bind(name)
    .bind(&applicant.key.0[..])
    .bind(applicant.at)
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("INSERT INTO sync_ledger (agent_id) VALUES ($1)").bind(agent).execute(&mut *connection).await?;
    sqlx::query("UPDATE enrolment_invitations SET used_at = $2, agent_id = $3 WHERE id = $1")
        .bind(invitation)
        .bind(applicant.at)
        .bind(agent)
        .execute(&mut *connection)
        .await?;
    for query in [
        "UPDATE machines SET agent_id = $1 WHERE agent_id IN (
             SELECT id FROM agents WHERE plant_id = $2 AND name = $3 AND NOT enabled)",
        "UPDATE stations SET agent_id = $1 WHERE agent_id IN (
             SELECT id FROM agents WHERE plant_id = $2 AND name = $3 AND NOT enabled)",
    ] {
        sqlx::query(query).bind(agent).bind(plant).bind(name).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Shuts an agent out, or lets it in again. It holds from the next request on; what was committed stays. The change and its
/// row in the audit log are one transaction.
pub async fn set_enabled(
    pool: &PgPool,
    agent: i32,
    enabled: bool,
    (at, by): (DateTime<Utc>, &Actor<'_>),
) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    // Waits for the batch that is being committed: none is after the transaction ends.
    sqlx::query("SELECT FROM sync_ledger WHERE agent_id = $1 FOR UPDATE")
        .bind(agent)
        .execute(&mut *transaction)
        .await?;
    let changed: Option<(i32, String, String)> = sqlx::query_as(
        "UPDATE agents a SET enabled = $2, disabled_at = CASE WHEN $2 THEN NULL ELSE now() END,
                disabled_by = CASE WHEN $2 THEN NULL ELSE $3 END
         FROM plants p WHERE a.id = $1 AND a.enabled <> $2 AND p.id = a.plant_id RETURNING p.id, p.name, a.name",
    )
    .bind(agent)
    .bind(enabled)
    .bind(by.name)
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some((plant_id, plant, name)) = changed {
        let entry = Entry {
            action: if enabled { "agent.enable" } else { "agent.disable" },
            subject_kind: "agent",
            subject_id: format!("{plant}/{name}"),
            plant_id: Some(plant_id),
            detail: json!({ "before": { "enabled": !enabled }, "after": { "enabled": enabled } }),
        };
        audit::record(&mut transaction, at, by, &entry).await?;
    }
    transaction.commit().await
}
