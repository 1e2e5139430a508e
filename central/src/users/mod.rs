//! Users of the dashboard. Never deleted: a disabled one cannot log in, and what they did carries their name.
//!
//! Whoever manages users manages those whose plants all are among their own, and gives no more than that. One enabled
//! administrator of all plants always remains.

pub mod routes;
pub mod store;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::auth::{Plants, Role};
use crate::web::problem::Problem;

const DISPLAY_NAME_CHARACTERS_MAX: usize = 100;

/// A person who may log in.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct User {
    pub id: i32,
    pub name: String,
    pub display_name: String,
    pub role: Role,
    /// Whether they see all plants, also those to come.
    pub all_plants: bool,
    /// Ids of the plants they see, where not all.
    pub plants: Vec<i32>,
    pub enabled: bool,
    pub password_changed_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// Where they are logged in, in number.
    pub sessions: i64,
}

/// A user to be.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub name: String,
    pub display_name: String,
    pub password_hash: String,
    pub role: Role,
    pub plants: Plants,
}

/// What is to become of a user; none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub display_name: Option<String>,
    pub role: Option<Role>,
    pub plants: Option<Plants>,
    /// Disabling ends all sessions.
    pub enabled: Option<bool>,
    /// Ends all sessions.
    pub password_hash: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("another user has that name")]
    NameTaken,
    #[error("there is no such user")]
    NotFound,
    #[error("this is the last enabled administrator of all plants: make another one first")]
    LastAdministrator,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Problem {
        match error {
            UserError::NameTaken | UserError::LastAdministrator => Problem::conflict(error.to_string()),
            UserError::NotFound => Problem::new(StatusCode::NOT_FOUND, error.to_string()),
            UserError::Database(error) => error.into(),
        }
    }
}

/// A text that a user or token cannot be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    #[error("a name has 1 to 64 small letters a to z, digits, and after the first one also . _ @ -")]
    Name,
    #[error("a display name has at most {DISPLAY_NAME_CHARACTERS_MAX} characters, none of them a control character")]
    DisplayName,
}

impl From<InvalidText> for Problem {
    fn from(invalid: InvalidText) -> Problem {
        Problem::bad_request(invalid.to_string())
    }
}

/// What is typed to log in, and what logs show: plain ASCII, so that no two look alike.
pub fn check_name(name: &str) -> Result<(), InvalidText> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let starts_well = name.chars().next().is_some_and(fits);
    let goes_on_well = name.chars().all(|c| fits(c) || "._@-".contains(c));
    if starts_well && goes_on_well && name.len() <= 64 { Ok(()) } else { Err(InvalidText::Name) }
}

pub fn check_display_name(text: &str) -> Result<(), InvalidText> {
    let fits = text.chars().count() <= DISPLAY_NAME_CHARACTERS_MAX && !text.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(InvalidText::DisplayName) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "anna.huber", "0", "a@b.example", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for wrong in ["", "Anna", ".a", "-a", "a b", "\u{e4}", "a\n", "a\0", &"x".repeat(65)] {
            assert_eq!(check_name(wrong), Err(InvalidText::Name), "{wrong:?}");
        }
        assert!(check_display_name("Anna Huber <b>").is_ok() && check_display_name("a\u{1b}[2J").is_err());
    }
}
