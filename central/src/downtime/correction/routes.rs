//! `/machines/{machine}/stops/{agent_id}/{stop}/…`: reason, note, split.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Correction, Refused, Saying, admit, is_same, meant, store};
use crate::auth::audit::{self, record};
use crate::auth::{Access, Permission, Principal};
use crate::downtime::stops::{self, Stop};
use crate::fact::{PlantCalendar, date_of};
use crate::machines::subject::{self, Subject};
use crate::web::Reads;
use crate::web::problem::{Content, Problem, Problems, Segments};

const NOTE_MAX: usize = 2_000;
const WHY_MAX: usize = 500;
const CODE_MAX: usize = 100;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(stop_reason))
        .routes(routes!(stop_note))
        .routes(routes!(stop_split))
        .with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct GivesReason {
    /// Made by the asker, new for every entry: the same entry, sent again, is stored once.
    id: Uuid,
    /// Code of a reason for stops in the plant's master data.
    #[schema(min_length = 1, max_length = 100)]
    reason: String,
    /// Why it corrects the reason before; wanted when a person gave that one.
    #[schema(min_length = 1, max_length = 500)]
    why: Option<String>,
    /// When the stop began, as shown: tells stops of one number apart after an agent began a new log.
    began_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct LeavesNote {
    /// Made by the asker, new for every entry: the same entry, sent again, is stored once.
    id: Uuid,
    #[schema(min_length = 1, max_length = 2000)]
    note: String,
    /// When the stop began, as shown: tells stops of one number apart after an agent began a new log.
    began_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Splits {
    /// Made by the asker, new for every entry: the same entry, sent again, is stored once.
    id: Uuid,
    /// From here on it is another stop: after the begin and before the end.
    from: DateTime<Utc>,
    /// When the stop began, as shown: tells stops of one number apart after an agent began a new log.
    began_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Corrected {
    id: Uuid,
    /// It had been stored before.
    already: bool,
    /// The part from `from` on, after a split.
    new_stop: Option<i64>,
    /// The whole stop as it stands, part by part, with its history.
    stops: Vec<Stop>,
}

/// Gives a stop a reason, or corrects the one that it has.
#[utoipa::path(
    post, operation_id = "give_stop_reason", path = "/machines/{machine}/stops/{agent_id}/{stop}/reason",
    tag = "downtime", params(("machine" = i32, Path), ("agent_id" = i32, Path), ("stop" = i64, Path)),
    request_body = GivesReason, responses((status = OK, body = Corrected), Problems)
)]
async fn stop_reason(
    State(reads): State<Reads>,
    access: Access,
    principal: Principal,
    Segments((machine, agent, stop)): Segments<(i32, i32, i64)>,
    Content(asked): Content<GivesReason>,
) -> Result<Json<Corrected>, Problem> {
    let code = text("reason", asked.reason, CODE_MAX)?;
    let why = asked.why.map(|why| text("why", why, WHY_MAX)).transpose()?;
    let saying = Saying::Reason { code, why };
    let correction = Correction { entry: asked.id, stop, began_at: asked.began_at, saying };
    correct((&reads, &access), &principal, (machine, agent), &correction).await
}

/// Leaves a note on a stop.
#[utoipa::path(
    post, operation_id = "leave_stop_note", path = "/machines/{machine}/stops/{agent_id}/{stop}/note",
    tag = "downtime", params(("machine" = i32, Path), ("agent_id" = i32, Path), ("stop" = i64, Path)),
    request_body = LeavesNote, responses((status = OK, body = Corrected), Problems)
)]
async fn stop_note(
    State(reads): State<Reads>,
    access: Access,
    principal: Principal,
    Segments((machine, agent, stop)): Segments<(i32, i32, i64)>,
    Content(asked): Content<LeavesNote>,
) -> Result<Json<Corrected>, Problem> {
    let saying = Saying::Note { text: text("note", asked.note, NOTE_MAX)? };
    let correction = Correction { entry: asked.id, stop, began_at: asked.began_at, saying };
    correct((&reads, &access), &principal, (machine, agent), &correction).await
}

/// Splits a stop in two, each with a reason of its own.
#[utoipa::path(
    post, operation_id = "split_stop", path = "/machines/{machine}/stops/{agent_id}/{stop}/split", tag = "downtime",
    params(("machine" = i32, Path), ("agent_id" = i32, Path), ("stop" = i64, Path)), request_body = Splits,
    responses((status = OK, body = Corrected), Problems)
)]
async fn stop_split(
    State(reads): State<Reads>,
    access: Access,
    principal: Principal,
    Segments((machine, agent, stop)): Segments<(i32, i32, i64)>,
    Content(asked): Content<Splits>,
) -> Result<Json<Corrected>, Problem> {
    // As PostgreSQL keeps it: an entry that is sent again is compared with what was stored.
    let from = DateTime::from_timestamp_micros(asked.from.timestamp_micros()).unwrap_or(asked.from);
    let saying = Saying::Split { from };
    let correction = Correction { entry: asked.id, stop, began_at: asked.began_at, saying };
    correct((&reads, &access), &principal, (machine, agent), &correction).await
}

fn text(name: &str, text: String, max: usize) -> Result<String, Problem> {
    if text.trim().is_empty() || text.chars().count() > max {
        return Err(Problem::bad_request(format!("{name} is empty or too long: expected 1 to {max} characters")));
    }
    if text.contains('\0') {
        return Err(Problem::bad_request(format!("{name} holds a zero byte, which no text may")));
    }
    Ok(text)
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let detail = refused.to_string();
        match refused {
            Refused::NoSuchStop => Problem::not_found(detail),
            Refused::WhyMissing | Refused::Outside => Problem::bad_request(detail),
            Refused::NotOver | Refused::TooMany | Refused::KeyUsed => Problem::conflict(detail),
        }
    }
}

async fn correct(
    (reads, access): (&Reads, &Access),
    principal: &Principal,
    (machine, agent): (i32, i32),
    correction: &Correction,
) -> Result<Json<Corrected>, Problem> {
    principal.may(Permission::ExplainStops)?;
    let subject = subject::find(reads, principal, machine).await?;
    let now = reads.now();
    let mut transaction = access.pool().begin().await?;
    store::lock(&mut transaction, subject.id).await?;
    if let Some(stored) = store::with_key(&mut transaction, correction.entry).await? {
        let same = stored.machine_id == subject.id && stored.agent_id == agent;
        if !same || !is_same(&stored, correction, &principal.name) {
            return Err(Refused::KeyUsed.into());
        }
        let whole = whole(&mut transaction, &subject, agent, correction.stop, now).await?;
        let meant = Correction { began_at: stored.began_at, ..correction.clone() };
        return answer(whole, &meant, stored.new_stop, true);
    }
    let before = whole(&mut transaction, &subject, agent, correction.stop, now).await?;
    let stop = meant(&before, correction)?;
    let at = admit(stop, &correction.saying, now)?;
    if let Saying::Reason { code, .. } = &correction.saying
        && !store::reason_exists(&mut transaction, subject.plant_id, code).await?
    {
        return Err(Problem::bad_request(
            "reason is no code of an active reason for stops in this plant's master data",
        ));
    }
    let head = store::Head {
        at,
        plant_day: plant_day(&subject, at)?,
        plant_id: subject.plant_id,
        machine_id: subject.id,
        agent_id: agent,
        root_began_at: stop.root_began_at,
        entered_by: &principal.name,
    };
    let new_stop = store::add(&mut transaction, head, correction).await?;
    let entry = audited(&subject, agent, correction, new_stop, stop);
    record(&mut transaction, now, &principal.actor(), &entry).await?;
    store::notify(&mut transaction).await?;
    if !matches!(correction.saying, Saying::Note { .. }) {
        store::tell_agents(&mut transaction, &[agent]).await?;
    }
    let after = whole(&mut transaction, &subject, agent, correction.stop, now).await?;
    let corrected = Correction { began_at: Some(stop.root_began_at), ..correction.clone() };
    let answered = answer(after, &corrected, new_stop, false)?;
    transaction.commit().await?;
    Ok(answered)
}

/// What the audit log says: the entry itself, and the reason that it replaces.
fn audited<'e>(
    subject: &Subject,
    agent: i32,
    correction: &Correction,
    new_stop: Option<i64>,
    stop: &Stop,
) -> audit::Entry<'e> {
    let replaces = stop.reason.as_ref().map(|reason| &reason.code);
    let (action, mut detail) = match &correction.saying {
        Saying::Reason { code, why } => ("stop.reason", json!({ "reason": code, "replaces": replaces, "why": why })),
        Saying::Note { text } => ("stop.note", json!({ "note": text })),
        Saying::Split { from } => ("stop.split", json!({ "from": from, "new_stop": new_stop })),
    };
    detail["began_at"] = json!(stop.began_at);
    detail["machine"] = json!(subject.name);
    audit::Entry {
        action,
        subject_kind: "stop",
        subject_id: format!("{}/{agent}/{}", subject.id, correction.stop),
        plant_id: Some(subject.plant_id),
        detail,
    }
}

/// All parts of the stop that a number is or is a part of, and of others that ever had the number.
async fn whole(
    connection: &mut PgConnection,
    subject: &Subject,
    agent: i32,
    stop: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Stop>, Problem> {
    let roots = store::roots(connection, subject.id, agent, stop).await?;
    let entries = stops::store::entries(connection, &roots).await?;
    let until = subject.evidence_end(now).filter(|_| subject.agent_id == agent);
    Ok(stops::stops(&entries, |_, _| until))
}

fn answer(
    mut whole: Vec<Stop>,
    correction: &Correction,
    new_stop: Option<i64>,
    already: bool,
) -> Result<Json<Corrected>, Problem> {
    let (root, began) = meant(&whole, correction).map(|stop| (stop.root, stop.root_began_at))?;
    whole.retain(|stop| stop.root == root && stop.root_began_at == began);
    whole.sort_by_key(|stop| stop.began_at);
    Ok(Json(Corrected { id: correction.entry, already, new_stop, stops: whole }))
}

fn plant_day(subject: &Subject, at: DateTime<Utc>) -> Result<chrono::NaiveDate, Problem> {
    let day = PlantCalendar::new(&subject.time_zone).day_of(UtcMicros(at.timestamp_micros()));
    day.map(|day| date_of(day.number)).ok_or_else(|| Problem::bad_request("the plant's calendar ends before that day"))
}
