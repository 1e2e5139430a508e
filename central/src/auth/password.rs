//! Passwords: what one must be, and their hashes (Argon2id, PHC strings).
//!
//! A hash takes tens of milliseconds and 19 MiB on purpose: only a few are computed at a time, on threads that may block,
//! and only so many may wait.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::web::problem::Problem;

pub const CHARACTERS_MIN: usize = 10;
pub const CHARACTERS_MAX: usize = 256;
const AT_ONCE_MAX: usize = 2;
const WAITING_MAX: usize = 64;
/// Compared with where there is no user, so that the answer takes as long. No password has this hash of zeros.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a password has at least {CHARACTERS_MIN} characters")]
    TooShort,
    #[error("a password has at most {CHARACTERS_MAX} characters")]
    TooLong,
    #[error("a password is not the name of its user")]
    IsName,
    #[error("a password has more than three different characters")]
    Monotonous,
}

/// Length is what counts; rules about kinds of characters are not made here.
pub fn check(password: &str, name: &str) -> Result<(), Unfit> {
    let count = password.chars().count();
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    match () {
        () if count < CHARACTERS_MIN => Err(Unfit::TooShort),
        () if count > CHARACTERS_MAX => Err(Unfit::TooLong),
        () if password.eq_ignore_ascii_case(name) => Err(Unfit::IsName),
        () if different.len() <= 3 => Err(Unfit::Monotonous),
        () => Ok(()),
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Problem {
        Problem::bad_request(unfit.to_string())
    }
}

/// With the parameters that OWASP names as the least: 19 MiB, two passes, one lane.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Always computes one hash.
fn fits(password: &str, hash: Option<&str>) -> bool {
    let parsed = PasswordHash::new(hash.unwrap_or(DECOY));
    let fits = parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    fits && hash.is_some()
}

/// Where requests have their hashes computed.
#[derive(Debug)]
pub struct Hashing {
    at_once: Semaphore,
    waiting: Semaphore,
}

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing { at_once: Semaphore::new(AT_ONCE_MAX), waiting: Semaphore::new(WAITING_MAX) }
    }
}

impl Hashing {
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        let hashed = self.compute(move || hash(&password)).await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something is wrong inside central; its log says what")
        })
    }

    /// Whether it is the password. No hash: there is no such user, which takes as long.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        self.compute(move || fits(&password, hash.as_deref())).await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many log in at this moment; try again");
        let _waits = self.waiting.try_acquire().map_err(|_| busy())?;
        let _place = self.at_once.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| busy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hashed = hash("correct horse").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(fits("correct horse", Some(&hashed)));
        assert!(!fits("correct horsf", Some(&hashed)));
        assert!(!fits("correct horse", Some("nonsense")));
        assert_ne!(hashed, hash("correct horse").unwrap(), "each has its salt");
    }

    #[test]
    fn without_a_user_a_hash_is_computed_all_the_same_and_never_fits() {
        let decoy = PasswordHash::new(DECOY).unwrap();
        let own = hash("x").unwrap();
        let own = PasswordHash::new(&own).unwrap();
        assert_eq!(decoy.params.to_string(), own.params.to_string());
        assert_eq!(decoy.hash.unwrap().as_bytes().len(), own.hash.unwrap().as_bytes().len());
        assert!(!fits("anything", None));
    }

    #[test]
    fn what_is_easily_guessed_is_refused() {
        assert_eq!(check("short", "anna"), Err(Unfit::TooShort));
        assert_eq!(check(&"ab1x".repeat(65), "anna"), Err(Unfit::TooLong));
        assert_eq!(check("Anna.Huber1", "anna.huber1"), Err(Unfit::IsName));
        assert_eq!(check("aaaaaaaaaabc", "anna"), Err(Unfit::Monotonous));
        assert_eq!(check("\u{fc}ber den Wolken", "anna"), Ok(()));
    }
}
