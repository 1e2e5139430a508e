//! Random secrets that are shown once and kept as hashes. They are looked up by the hash, so that what could be learnt
//! from timing is about the hash and not about the secret.

use std::fmt;

use data_encoding::BASE32_DNSSEC;

/// 256 random bits: what a cookie or a token carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

/// What the database keeps of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl Secret {
    #[must_use]
    pub fn random() -> Secret {
        Secret(rand::random())
    }

    /// 52 small letters and digits.
    #[must_use]
    pub fn text(&self) -> String {
        BASE32_DNSSEC.encode(&self.0)
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Secret> {
        if text.len() != 52 {
            return None;
        }
        Some(Secret(BASE32_DNSSEC.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }

    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(*blake3::hash(&self.0).as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// What a program sends as `Authorization: Bearer`: `central_<prefix>_<secret>`.
#[derive(Debug, Clone)]
pub struct TokenText {
    /// May be shown, to tell tokens apart.
    pub prefix: String,
    pub secret: Secret,
}

impl TokenText {
    #[must_use]
    pub fn random() -> TokenText {
        TokenText { prefix: BASE32_DNSSEC.encode(&rand::random::<[u8; 5]>()), secret: Secret::random() }
    }

    #[must_use]
    pub fn text(&self) -> String {
        format!("central_{}_{}", self.prefix, self.secret.text())
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<TokenText> {
        let (prefix, secret) = text.strip_prefix("central_")?.split_once('_')?;
        Some(TokenText { prefix: prefix.to_owned(), secret: Secret::parse(secret)? })
    }
}

/// A code or password for a person to read and type: 100 random bits in groups of five.
#[must_use]
pub fn readable() -> String {
    // 13 bytes are 21 characters; the last of them has only four bits.
    let text = BASE32_DNSSEC.encode(&rand::random::<[u8; 13]>());
    let groups: Vec<&str> = [0, 5, 10, 15].iter().map(|at| &text[*at..*at + 5]).collect();
    groups.join("-")
}

/// What the database keeps of a readable code, however it was typed.
#[must_use]
pub fn readable_hash(text: &str) -> SecretHash {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    SecretHash(*blake3::hash(letters.to_ascii_lowercase().as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_its_text_and_shows_itself_nowhere_else() {
        let secret = Secret::random();
        assert_eq!(Secret::parse(&secret.text()), Some(secret.clone()));
        assert_eq!(Secret::parse(&secret.text().to_uppercase()), Some(secret.clone()));
        assert!(!format!("{secret:?}{:?}", secret.hash()).contains(&secret.text()[..8]));
        for wrong in ["", "x", &secret.text()[1..], &"\u{fc}".repeat(26), &"-".repeat(52)] {
            assert_eq!(Secret::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_is_known_by_its_secret() {
        let token = TokenText::random();
        let parsed = TokenText::parse(&token.text()).unwrap();
        assert_eq!((parsed.prefix, parsed.secret), (token.prefix, token.secret));
        assert!(TokenText::parse("central_x").is_none() && TokenText::parse("Bearer x_y").is_none());
    }

    #[test]
    fn a_code_may_be_typed_with_or_without_its_dashes() {
        let code = readable();
        assert_eq!(code.len(), 23);
        assert_eq!(readable_hash(&code), readable_hash(&code.replace('-', " ").to_uppercase()));
        assert_ne!(readable_hash(&code), readable_hash(&readable()));
    }
}
