//! `/shifts`: the calendar, more of it from a weekly pattern, and future shifts taken back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Day, Shift, WeeklyShift, store};
use crate::auth::{Permission, Principal};
use crate::master_data::text::{self, Faults};
use crate::master_data::{Editing, change};
use crate::plants;
use crate::web::page;
use crate::web::problem::{Content, Parameters, Problem, Problems};

const SHIFTS_DEFAULT: i64 = 500;
const SHIFTS_MAX: i64 = 1_000;
const RANGE_DEFAULT: TimeDelta = TimeDelta::days(28);
const WEEKS_MAX: u32 = 60;
const PATTERN_MAX: usize = 50;

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create, delete)).with_state(editing)
}

#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct CalendarShift {
    pub plant: String,
    pub name: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
    /// Shifts that end after this; the present moment when absent.
    from: Option<DateTime<Utc>>,
    /// Shifts that start before this; four weeks after `from` when absent.
    to: Option<DateTime<Utc>>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ShiftList {
    at: DateTime<Utc>,
    shifts: Vec<CalendarShift>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Shifts by start, plant and name.
#[utoipa::path(get, operation_id = "list_shifts", path = "/shifts", tag = "shifts", params(ListParameters), responses((status = OK, body = ShiftList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<ShiftList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, SHIFTS_DEFAULT, SHIFTS_MAX)?;
    let at = editing.reads.now();
    let from = sane("from", parameters.from.unwrap_or(at))?;
    let to = sane("to", parameters.to.unwrap_or(from + RANGE_DEFAULT))?;
    let cursor = parameters.cursor.as_deref();
    let after = cursor.map(|cursor| place(cursor).ok_or_else(page::no_cursor)).transpose()?;
    let filter = store::Filter { plants: principal.plants.ids(), plant: parameters.plant.as_deref(), from, to, after };
    let mut shifts = store::list(&mut *editing.reads.pool.acquire().await?, &filter, limit + 1).await?;
    let next =
        page::next(&mut shifts, limit, |last| format!("{}/{}/{}", last.starts_at.timestamp(), last.plant, last.name));
    Ok(Json(ShiftList { at, shifts, next }))
}

fn place(cursor: &str) -> Option<(DateTime<Utc>, &str, &str)> {
    let (at, rest) = cursor.split_once('/')?;
    let (plant, name) = rest.split_once('/')?;
    let at = DateTime::from_timestamp(at.parse().ok()?, 0).filter(|at| text::this_age(*at).is_ok())?;
    Some((at, plant, name))
}

fn sane(field: &str, at: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    text::this_age(at).map_err(|error| Problem::bad_request(format!("{field}: {error}")))?;
    Ok(at)
}

/// A shift of every week.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PatternShift {
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"
    )]
    name: String,
    /// The days on which it begins.
    #[schema(min_items = 1, max_items = 7)]
    days: Vec<Day>,
    /// Local time, to the minute: 06:00.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    starts: String,
    /// Local time; on the next day when it is not after the start.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    ends: String,
}

/// A weekly pattern, and for which weeks.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewShifts {
    /// Name of the plant, in whose time zone the pattern is.
    #[schema(max_length = 64)]
    plant: String,
    /// A Monday: that of the current week, or a later one.
    first_monday: NaiveDate,
    #[schema(minimum = 1, maximum = 60)]
    weeks: u32,
    #[schema(min_items = 1, max_items = 50)]
    pattern: Vec<PatternShift>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CreatedShifts {
    created: usize,
    first_starts_at: DateTime<Utc>,
    last_ends_at: DateTime<Utc>,
}

/// Makes shifts from a weekly pattern in the plant's time zone, where the calendar is empty.
#[utoipa::path(post, operation_id = "create_shifts", path = "/shifts", tag = "shifts", request_body = NewShifts, responses((status = CREATED, body = CreatedShifts), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewShifts>,
) -> Result<(StatusCode, Json<CreatedShifts>), Problem> {
    principal.may(Permission::EditMasterData)?;
    let now = editing.reads.now();
    let pattern = pattern(&new, now)?;
    let mut transaction = editing.pool.begin().await?;
    let plant = plants::named(&mut transaction, &principal, &new.plant).await?;
    let zone = plants::time_zone(&plant.time_zone).map_err(Problem::conflict)?;
    let shifts = super::shifts(zone, &pattern, new.first_monday, new.weeks);
    let (Some(first), Some(last_ends_at)) = (shifts.first(), shifts.iter().map(|shift| shift.ends_at).max()) else {
        return Err(Problem::bad_request("pattern: no shift comes of it"));
    };
    store::lock(&mut transaction, plant.id).await?;
    if let Some((name, starts_at)) =
        store::first_between(&mut transaction, plant.id, (first.starts_at, last_ends_at)).await?
    {
        return Err(Problem::conflict(format!(
            "the calendar has shifts in these weeks already, the first is {name:?} from {starts_at}: delete them first"
        )));
    }
    refuse_doubles(&shifts)?;
    store::insert(&mut transaction, plant.id, &shifts).await?;
    let answer = CreatedShifts { created: shifts.len(), first_starts_at: first.starts_at, last_ends_at };
    let label = (plant.name.as_str(), plant.name.as_str());
    change::record(&mut transaction, (now, &principal), ("shifts", "create"), label, serde_json::json!(answer)).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

fn pattern(new: &NewShifts, now: DateTime<Utc>) -> Result<Vec<WeeklyShift>, Problem> {
    let mut faults = Faults::default();
    let fault = |texts: &mut Faults, field, text: &str| texts.0.push((field, text.to_owned()));
    let earliest = (now - TimeDelta::days(8)).date_naive();
    if new.first_monday.weekday() != Weekday::Mon {
        fault(&mut faults, "first_monday", &format!("{} is no Monday", new.first_monday));
    } else if !(earliest..earliest + TimeDelta::weeks(520)).contains(&new.first_monday) {
        fault(&mut faults, "first_monday", "expected the current week or one of the next ten years");
    }
    if !(1..=WEEKS_MAX).contains(&new.weeks) {
        fault(&mut faults, "weeks", &format!("expected 1 to {WEEKS_MAX}"));
    }
    if !(1..=PATTERN_MAX).contains(&new.pattern.len()) {
        fault(&mut faults, "pattern", &format!("expected 1 to {PATTERN_MAX} shifts"));
    }
    let mut weekly = Vec::new();
    for shift in new.pattern.iter().take(PATTERN_MAX) {
        faults.check("name", text::code(&shift.name));
        if shift.days.is_empty() || shift.days.len() > 7 {
            fault(&mut faults, "days", "expected 1 to 7 days");
        }
        let (Some(starts), Some(ends)) = (time(&shift.starts), time(&shift.ends)) else {
            fault(&mut faults, "starts, ends", "expected times such as 06:00");
            continue;
        };
        weekly.extend(shift.days.iter().take(7).map(|day| WeeklyShift {
            name: shift.name.clone(),
            day: *day,
            starts,
            ends,
        }));
    }
    change::refuse_faults(faults.0)?;
    Ok(weekly)
}

fn time(text: &str) -> Option<NaiveTime> {
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten()
}

fn refuse_doubles(shifts: &[Shift]) -> Result<(), Problem> {
    let double = shifts.windows(2).find(|pair| pair[0].name == pair[1].name && pair[0].starts_at == pair[1].starts_at);
    match double {
        Some(pair) => {
            Err(Problem::bad_request(format!("pattern: {:?} begins twice at {}", pair[0].name, pair[0].starts_at)))
        }
        None => Ok(()),
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteParameters {
    /// Name of the plant.
    #[param(max_length = 64)]
    plant: String,
    /// Shifts that start at this moment or later; in the future.
    from: DateTime<Utc>,
    /// Shifts that start before this; all when absent.
    to: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DeletedShifts {
    deleted: u64,
}

/// Deletes shifts that have not begun.
#[utoipa::path(delete, operation_id = "delete_shifts", path = "/shifts", tag = "shifts", params(DeleteParameters), responses((status = OK, body = DeletedShifts), Problems))]
async fn delete(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Result<Json<DeletedShifts>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let now = editing.reads.now();
    let from = sane("from", parameters.from)?;
    let to = parameters.to.map(|to| sane("to", to)).transpose()?;
    if from < now {
        return Err(Problem::bad_request("from: it has passed: what has begun stays"));
    }
    let mut transaction = editing.pool.begin().await?;
    let plant = plants::named(&mut transaction, &principal, &parameters.plant).await?;
    store::lock(&mut transaction, plant.id).await?;
    let deleted = store::delete(&mut transaction, plant.id, from, to).await?;
    let detail = serde_json::json!({ "from": from, "to": to, "deleted": deleted });
    let label = (plant.name.as_str(), plant.name.as_str());
    change::record(&mut transaction, (now, &principal), ("shifts", "delete"), label, detail).await?;
    transaction.commit().await?;
    Ok(Json(DeletedShifts { deleted }))
}
