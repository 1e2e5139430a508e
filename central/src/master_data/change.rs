//! One change of one record: who may, of which plant, from which version, and its entry in the audit log, in one transaction.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;

use super::Editing;
use super::list::Filter;
use super::text::{Fault, Faults};
use crate::auth::audit::{self, Entry};
use crate::auth::{Permission, Principal};
use crate::plants;
use crate::web::problem::Problem;

/// A kind of record that people create, replace and delete.
pub trait Resource {
    /// What people call it, and the audit log: `work_order`.
    const WORD: &'static str;
    type Record: Serialize + Send + Sync;
    type New: Send + Sync;
    type Change: Send + Sync;

    /// Name of the plant that it is to be in.
    fn plant(new: &Self::New) -> &str;
    /// Name of its plant, and its own.
    fn label(record: &Self::Record) -> (&str, &str);
    fn faults_of_new(new: &Self::New) -> Faults;
    fn faults_of_change(change: &Self::Change) -> Faults;
    /// The version that the change was made from.
    fn version(change: &Self::Change) -> i32;

    fn find(
        connection: &mut PgConnection,
        filter: Filter<'_>,
    ) -> impl Future<Output = sqlx::Result<Option<Self::Record>>> + Send;
    /// The new record's number.
    fn insert(
        connection: &mut PgConnection,
        plant_id: i32,
        new: &Self::New,
    ) -> impl Future<Output = Result<i32, Problem>> + Send;
    /// False when it is of another version by now.
    fn update(
        connection: &mut PgConnection,
        id: i32,
        change: &Self::Change,
    ) -> impl Future<Output = Result<bool, Problem>> + Send;
    /// What refers to it, in words.
    fn referrers(connection: &mut PgConnection, id: i32) -> impl Future<Output = sqlx::Result<Vec<String>>> + Send;
    fn delete(connection: &mut PgConnection, id: i32) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// The record, if it is of a plant of the principal's.
pub async fn find<R: Resource>(editing: &Editing, principal: &Principal, id: i32) -> Result<Json<R::Record>, Problem> {
    principal.may(Permission::Read)?;
    let mut connection = editing.reads.pool.acquire().await?;
    existing::<R>(&mut connection, principal, id).await.map(Json)
}

pub async fn create<R: Resource>(
    editing: &Editing,
    principal: &Principal,
    new: &R::New,
) -> Result<(StatusCode, Json<R::Record>), Problem> {
    principal.may(Permission::EditMasterData)?;
    refuse_faults(R::faults_of_new(new).0)?;
    let mut transaction = editing.pool.begin().await?;
    let plant = plants::named(&mut transaction, principal, R::plant(new)).await?;
    let id = R::insert(&mut transaction, plant.id, new).await?;
    let record = existing::<R>(&mut transaction, principal, id).await?;
    let now = editing.reads.now();
    note::<R>(&mut transaction, (now, principal), "create", R::label(&record), (None, Some(&record))).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(record)))
}

pub async fn replace<R: Resource>(
    editing: &Editing,
    principal: &Principal,
    id: i32,
    change: &R::Change,
) -> Result<Json<R::Record>, Problem> {
    principal.may(Permission::EditMasterData)?;
    refuse_faults(R::faults_of_change(change).0)?;
    let mut transaction = editing.pool.begin().await?;
    let before = existing::<R>(&mut transaction, principal, id).await?;
    if !R::update(&mut transaction, id, change).await? {
        return Err(outdated(R::WORD, R::version(change)));
    }
    let after = existing::<R>(&mut transaction, principal, id).await?;
    let now = editing.reads.now();
    note::<R>(&mut transaction, (now, principal), "replace", R::label(&after), (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    Ok(Json(after))
}

pub async fn delete<R: Resource>(editing: &Editing, principal: &Principal, id: i32) -> Result<StatusCode, Problem> {
    principal.may(Permission::EditMasterData)?;
    let mut transaction = editing.pool.begin().await?;
    let record = existing::<R>(&mut transaction, principal, id).await?;
    let referrers = R::referrers(&mut transaction, id).await?;
    if !referrers.is_empty() {
        return Err(Problem::conflict(format!(
            "this {} cannot be deleted, because of {}",
            spell(R::WORD),
            referrers.join(", ")
        )));
    }
    R::delete(&mut transaction, id).await?;
    let now = editing.reads.now();
    note::<R>(&mut transaction, (now, principal), "delete", R::label(&record), (Some(&record), None)).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn existing<R: Resource>(
    connection: &mut PgConnection,
    principal: &Principal,
    id: i32,
) -> Result<R::Record, Problem> {
    R::find(connection, Filter::one(principal.plants.ids(), id))
        .await?
        .ok_or_else(|| Problem::not_found(format!("there is no such {}", spell(R::WORD))))
}

async fn note<R: Resource>(
    connection: &mut PgConnection,
    (at, principal): (DateTime<Utc>, &Principal),
    verb: &str,
    label: (&str, &str),
    (before, after): (Option<&R::Record>, Option<&R::Record>),
) -> Result<(), Problem> {
    let value = |record: Option<&R::Record>| record.map(|it| serde_json::to_value(it).unwrap_or_default());
    let detail = serde_json::json!({ "before": value(before), "after": value(after) });
    record(connection, (at, principal), (R::WORD, verb), label, detail).await
}

/// The answer to a replacement that was made from another version.
#[must_use]
pub fn outdated(word: &str, version: i32) -> Problem {
    Problem::conflict(format!(
        "this {} is not of version {version} any more, somebody changed it: load it again, and change what it says by now",
        spell(word)
    ))
}

/// Writes a change into the audit log: what was done (subject and verb), to which plant's what.
pub async fn record(
    connection: &mut PgConnection,
    (at, principal): (DateTime<Utc>, &Principal),
    (subject, verb): (&str, &str),
    (plant, name): (&str, &str),
    detail: Value,
) -> Result<(), Problem> {
    let plant_id = plants::store::named(connection, None, plant).await?.map(|plant| plant.id);
    let action = format!("{subject}.{verb}");
    let entry =
        Entry { action: &action, subject_kind: subject, subject_id: format!("{plant}/{name}"), plant_id, detail };
    Ok(audit::record(connection, at, &principal.actor(), &entry).await?)
}

/// What an insertion failed for: mostly a name that is taken.
pub fn refused(error: sqlx::Error, word: &str, name: &str) -> Problem {
    if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) {
        return Problem::conflict(format!("this plant has a {} {name:?} already", spell(word)));
    }
    error.into()
}

/// All that is wrong with a body, in one answer.
pub fn refuse_faults(faults: Vec<Fault>) -> Result<(), Problem> {
    if faults.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = faults.into_iter().map(|(field, text)| format!("{field}: {text}")).collect();
    Err(Problem::bad_request(texts.join("; ")))
}

/// As people read it.
fn spell(word: &str) -> String {
    word.replace('_', " ")
}
