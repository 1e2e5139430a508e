//! Lists of master data: by plant and name, a page at a time.

use serde::Deserialize;

use crate::auth::{Permission, Principal};
use crate::web::page;
use crate::web::problem::Problem;

const ITEMS_DEFAULT: i64 = 200;
const ITEMS_MAX: i64 = 1_000;

/// Of what cannot be retired.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
    /// Only what holds this text, in upper or lower case.
    #[param(max_length = 100)]
    q: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Of what is active or retired.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActiveParameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
    /// Only what holds this text, in upper or lower case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only what is active, or only what is not.
    active: Option<bool>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

type Query<'q, T> = sqlx::query::QueryAs<'q, sqlx::Postgres, T, sqlx::postgres::PgArguments>;

/// What a list or one record is asked for by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only of these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub id: Option<i32>,
    pub q: Option<&'f str>,
    pub active: Option<bool>,
    /// Only what comes after this, by plant and name.
    pub after: Option<(&'f str, &'f str)>,
    pub limit: i64,
}

impl<'f> Filter<'f> {
    /// One record of the principal's plants.
    #[must_use]
    pub fn one(plants: Option<&'f [i32]>, id: i32) -> Filter<'f> {
        Filter { plants, id: Some(id), limit: 1, ..Filter::default() }
    }

    /// Binds `$1` plants, `$2` plant, `$3` id, `$4` q, `$5` and `$6` what the page comes after, `$7` one row more than the
    /// page has, to see whether another follows. Lists of what can be retired bind `active` after it.
    pub fn bind<'q, T>(&self, query: Query<'q, T>) -> Query<'q, T>
    where
        'f: 'q,
    {
        query
            .bind(self.plants)
            .bind(self.plant)
            .bind(self.id)
            .bind(self.q)
            .bind(self.after.map(|(plant, _)| plant))
            .bind(self.after.map(|(_, name)| name))
            .bind(self.limit + 1)
    }

    /// The cursor of the next page; the row beyond this page is dropped.
    pub fn next<T>(&self, found: &mut Vec<T>, key: impl Fn(&T) -> (&str, &str)) -> Option<String> {
        page::next(found, self.limit, |last| {
            let (plant, name) = key(last);
            format!("{plant}/{name}")
        })
    }
}

impl Parameters {
    pub fn filter<'f>(&'f self, principal: &'f Principal) -> Result<Filter<'f>, Problem> {
        filter(principal, (&self.plant, &self.q), None, self.limit, &self.cursor)
    }
}

impl ActiveParameters {
    pub fn filter<'f>(&'f self, principal: &'f Principal) -> Result<Filter<'f>, Problem> {
        filter(principal, (&self.plant, &self.q), self.active, self.limit, &self.cursor)
    }
}

fn filter<'f>(
    principal: &'f Principal,
    (plant, q): (&'f Option<String>, &'f Option<String>),
    active: Option<bool>,
    limit: Option<i64>,
    cursor: &'f Option<String>,
) -> Result<Filter<'f>, Problem> {
    principal.may(Permission::Read)?;
    // A plant's name holds no slash.
    let after = cursor.as_deref().map(|cursor| cursor.split_once('/').ok_or_else(page::no_cursor)).transpose()?;
    Ok(Filter {
        plants: principal.plants.ids(),
        plant: plant.as_deref(),
        id: None,
        q: q.as_deref(),
        active,
        after,
        limit: page::limit(limit, ITEMS_DEFAULT, ITEMS_MAX)?,
    })
}
