//! Whether a badge or a PIN is an operator's. Pure, and slow on purpose: to be called on a thread apart, one at a time.
//!
//! Hashes are argon2id in PHC form. All badges of a plant share salt and parameters, so that a badge costs one hash and not
//! one per operator.

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use protocol::master_data::Operator;

/// A hash that wants more memory (KiB) or rounds than this is not tried: it would take the agent's computer down.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const ROUNDS_MAX: u32 = 16;
/// The C library maps what is larger apart from its heap, every time, and gives it back when it is freed.
const MAPPED_APART_BYTES: usize = 32 * 1024 * 1024;
/// No badge is longer: 128 characters.
pub const SECRET_BYTES_MAX: usize = 4 * 128;

/// What one hash works in. Its capacity is larger than what is used, and only what is used is ever resident: below that
/// size the heap would keep for good what a hash once took: as central makes them 4 MiB, by their limits all the agent has.
fn working_memory(params: &Params) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(params.block_count().max(MAPPED_APART_BYTES / Block::SIZE + 1));
    blocks.resize(params.block_count(), Block::new());
    blocks
}

/// Hash of `secret` by the recipe in `like`; none when that is no argon2id within limits.
fn hashed(secret: &str, like: &PasswordHash) -> Option<Vec<u8>> {
    let algorithm = Algorithm::try_from(like.algorithm.as_str()).ok().filter(|it| *it == Algorithm::Argon2id)?;
    let version = like.version.map_or(Some(Version::default()), |version| Version::try_from(version).ok())?;
    let params = Params::try_from(like).ok()?;
    if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > ROUNDS_MAX {
        return None;
    }
    let mut out = vec![0; like.hash.as_ref()?.len()];
    let salt = like.salt.as_ref()?;
    let mut memory = working_memory(&params);
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(secret.as_bytes(), salt.as_ref(), &mut out, memory.as_mut_slice()).ok()?;
    Some(out)
}

/// Compares in constant time.
fn is_same(stored: &PasswordHash, computed: &[u8]) -> bool {
    let computed = argon2::password_hash::phc::Output::new(computed);
    matches!((&stored.hash, computed), (Some(stored), Ok(computed)) if *stored == computed)
}

/// Whose badge it is.
#[must_use]
pub fn badge_holder<'o>(operators: &'o [Operator], badge: &str) -> Option<&'o Operator> {
    let mut recipes: Vec<(PasswordHash, Vec<u8>)> = Vec::new();
    for operator in operators {
        let Some(stored) = operator.badge_hash.as_deref().and_then(|phc| PasswordHash::new(phc).ok()) else { continue };
        let known = recipes.iter().position(|(recipe, _)| is_same_recipe(recipe, &stored));
        let index = match known {
            Some(index) => index,
            None => {
                let Some(computed) = hashed(badge, &stored) else { continue };
                recipes.push((stored.clone(), computed));
                recipes.len() - 1
            }
        };
        if is_same(&stored, &recipes[index].1) {
            return Some(operator);
        }
    }
    None
}

fn is_same_recipe(one: &PasswordHash, other: &PasswordHash) -> bool {
    one.algorithm == other.algorithm
        && one.version == other.version
        && one.params == other.params
        && one.salt.as_ref().map(AsRef::<[u8]>::as_ref) == other.salt.as_ref().map(AsRef::<[u8]>::as_ref)
        && one.hash.as_ref().map(|it| it.len()) == other.hash.as_ref().map(|it| it.len())
}

#[must_use]
pub fn is_pin(operator: &Operator, pin: &str) -> bool {
    let stored = operator.pin_hash.as_deref().and_then(|phc| PasswordHash::new(phc).ok());
    stored.is_some_and(|stored| hashed(pin, &stored).is_some_and(|computed| is_same(&stored, &computed)))
}

#[cfg(test)]
pub(crate) mod tests {
    use argon2::password_hash::phc::{ParamsString, Salt};

    use super::*;

    /// As cheap as argon2 allows.
    pub(crate) fn phc(secret: &str, salt: &[u8]) -> String {
        let params = Params::new(8, 1, 1, Some(32)).unwrap();
        let mut out = [0; 32];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        argon2.hash_password_into(secret.as_bytes(), salt, &mut out).unwrap();
        PasswordHash {
            algorithm: argon2::ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).unwrap(),
            salt: Some(Salt::new(salt).unwrap()),
            hash: Some(argon2::password_hash::phc::Output::new(&out).unwrap()),
        }
        .to_string()
    }

    pub(crate) fn operator(number: &str, name: &str) -> Operator {
        Operator {
            number: number.to_owned(),
            name: name.to_owned(),
            badge_hash: Some(phc(&format!("badge-{number}"), b"salt of the plant")),
            pin_hash: Some(phc(&format!("pin-{number}"), format!("salt-of-{number}").as_bytes())),
        }
    }

    #[test]
    fn a_badge_is_its_holders_and_a_pin_is_its_owners() {
        let operators = [operator("17", "Anna"), operator("18", "Ben")];
        assert_eq!(badge_holder(&operators, "badge-18").unwrap().name, "Ben");
        assert_eq!(badge_holder(&operators, "badge-19"), None);
        assert!(is_pin(&operators[0], "pin-17"));
        assert!(!is_pin(&operators[0], "pin-18"));
    }

    #[test]
    fn what_is_no_hash_or_too_dear_a_one_is_nobodys() {
        let mut operator = operator("17", "Anna");
        let cheap = operator.pin_hash.clone().unwrap();
        for hash in
            ["", "secret", "$argon2id$v=19", &cheap.replace("m=8", "m=4000000"), &cheap.replace("argon2id", "argon2i")]
        {
            operator.pin_hash = Some(hash.to_owned());
            operator.badge_hash = Some(hash.to_owned());
            assert!(!is_pin(&operator, "pin-17"), "{hash}");
            assert_eq!(badge_holder(std::slice::from_ref(&operator), "pin-17"), None, "{hash}");
        }
    }

    #[test]
    fn a_badge_is_found_among_salts_that_differ() {
        let mut operators = vec![operator("17", "Anna"), operator("18", "Ben")];
        operators[1].badge_hash = Some(phc("badge-18", b"another salt"));
        operators.insert(0, Operator { badge_hash: None, ..operator("1", "Nobody") });
        assert_eq!(badge_holder(&operators, "badge-18").unwrap().name, "Ben");
        assert_eq!(badge_holder(&operators, "badge-17").unwrap().name, "Anna");
    }
}
