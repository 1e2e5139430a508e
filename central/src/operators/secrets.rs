//! Badges and PINs: what they may be, and their argon2id hashes in PHC form.
//!
//! **For stations**: all badge hashes of one plant share salt and parameters, so that a station hashes what was scanned
//! once for each distinct prefix (`$argon2id$…$salt$`) and compares: one hash, and a second one only after a release that
//! changed the parameters. PINs have a salt each; they are verified for the one operator whose number was typed. Both are
//! hashes of the text's UTF-8 bytes, as it was given.
//!
//! The parameters (4 MiB, 1 pass) are below those for passwords: they are paid on the floor's slowest PC at every log-on,
//! and a PIN of four digits is found by trying whatever a try costs. What protects hashes is that only the plant's agents
//! have them; what protects a station is that it locks after some wrong tries.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, CustomizedPasswordHasher as _, Params, Version};
use tokio::sync::Semaphore;

const MEMORY_KIB: u32 = 4 * 1024;
const PASSES: u32 = 1;
/// Threads that hash at the same time, whoever asks.
const HASHING_AT_ONCE: usize = 2;
/// Hashes that a thread makes before others get their turn: some tens of milliseconds.
const HASHES_PER_TURN: usize = 8;

pub const PIN_DIGITS_MIN: usize = 4;
pub const PIN_DIGITS_MAX: usize = 12;
pub const BADGE_CHARACTERS_MIN: usize = 4;
pub const BADGE_CHARACTERS_MAX: usize = 128;

/// Bounds how much of the computer hashing takes; clones share the bound.
#[derive(Debug, Clone)]
pub struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing(Arc::new(Semaphore::new(HASHING_AT_ONCE)))
    }
}

/// Something to hash, and its salt.
#[derive(Clone)]
pub struct Secret {
    pub text: String,
    pub salt: Vec<u8>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Hashing {
    /// The hashes in the order of the secrets, made on blocking threads.
    pub async fn hash(&self, secrets: Vec<Secret>) -> anyhow::Result<Vec<String>> {
        let mut turns = tokio::task::JoinSet::new();
        for (at, turn) in secrets.chunks(HASHES_PER_TURN).enumerate() {
            let (turn, permits) = (turn.to_vec(), self.0.clone());
            turns.spawn(async move {
                let _permit = permits.acquire_owned().await?;
                let hashes = tokio::task::spawn_blocking(move || turn.iter().map(hash).collect::<Result<Vec<_>, _>>());
                anyhow::Ok((at, hashes.await??))
            });
        }
        let mut hashed = Vec::new();
        while let Some(turn) = turns.join_next().await {
            hashed.push(turn??);
        }
        hashed.sort_by_key(|(at, _)| *at);
        Ok(hashed.into_iter().flat_map(|(_, hashes)| hashes).collect())
    }
}

fn hash(secret: &Secret) -> anyhow::Result<String> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| anyhow!("argon2 parameters: {error}"))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash: PasswordHash = hasher
        .hash_password_customized(secret.text.as_bytes(), &secret.salt, None, None, params)
        .map_err(|error| anyhow!(error.to_string()))
        .context("hashing")?;
    Ok(hash.to_string())
}

/// What a scanner reads from a badge.
pub fn badge(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if !(BADGE_CHARACTERS_MIN..=BADGE_CHARACTERS_MAX).contains(&length) {
        return Err(format!("{length} characters: expected {BADGE_CHARACTERS_MIN} to {BADGE_CHARACTERS_MAX}"));
    }
    if text.chars().any(char::is_control) || text.starts_with(' ') || text.ends_with(' ') {
        return Err("holds a control character, or a blank at its end: expected what the scanner reads".to_owned());
    }
    Ok(())
}

/// 4 to 12 digits that are not the first ones anybody would try.
pub fn pin(text: &str, number: &str) -> Result<(), String> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    if digits.len() != text.len() || !(PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&digits.len()) {
        return Err(format!("expected {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits"));
    }
    if text == number {
        return Err("is the operator's number: choose one that nobody knows".to_owned());
    }
    let step = |by: u8| digits.windows(2).all(|pair| (pair[0] - b'0' + by) % 10 == pair[1] - b'0');
    let repeats = |length: usize| digits.len() > length && digits.iter().zip(&digits[length..]).all(|(a, b)| a == b);
    if step(0) || step(1) || step(9) || repeats(2) {
        return Err("is among the first that anybody would try, such as 1234, 1111 or 1212: choose another".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier as _;

    use super::*;

    #[test]
    fn pins_that_anybody_would_try_are_refused() {
        for weak in ["1111", "1234", "4321", "0123", "9876", "7890", "8901", "121212", "1212", "000000000000", "4711"] {
            assert!(pin(weak, "4711").is_err(), "{weak}");
        }
        for no in ["", "123", "12a4", "1234567890123", "\u{661}\u{662}\u{663}\u{664}", "-123", "12 4"] {
            assert!(pin(no, "1").is_err(), "{no}");
        }
        for good in ["4712", "1235", "1357", "20202021", "1122"] {
            assert_eq!(pin(good, "1"), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn badges_of_one_salt_hash_alike_and_verify() {
        let secrets: Vec<Secret> =
            (0..20).map(|n| Secret { text: format!("badge-{}", n % 10), salt: vec![7; 16] }).collect();
        let hashes = Hashing::default().hash(secrets).await.unwrap();
        assert_eq!(hashes[..10], hashes[10..]);
        let prefix = |hash: &str| hash.rsplit_once('$').unwrap().0.to_owned();
        assert_eq!(prefix(&hashes[0]), "$argon2id$v=19$m=4096,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw");
        assert!(hashes.iter().all(|hash| prefix(hash) == prefix(&hashes[0])));
        for (n, hash) in hashes[..10].iter().enumerate() {
            let parsed = PasswordHash::new(hash).unwrap();
            assert!(Argon2::default().verify_password(format!("badge-{n}").as_bytes(), &parsed).is_ok());
            assert!(Argon2::default().verify_password(b"another", &parsed).is_err());
        }
    }
}
