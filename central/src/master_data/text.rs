//! What texts may be. Everything that a screen can show as one line is kept as it is, also what another program would
//! take for markup or code; control characters (line ends, terminal escapes, zero bytes) are refused.

pub const CODE_CHARACTERS_MAX: usize = 64;
pub const TITLE_CHARACTERS_MAX: usize = 200;

/// What is wrong with one field, and which.
pub type Fault = (&'static str, String);

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    pub fn check(&mut self, field: &'static str, checked: Result<(), String>) {
        if let Err(text) = checked {
            self.0.push((field, text));
        }
    }
}

/// What people call a thing by: a code, a number.
pub fn code(text: &str) -> Result<(), String> {
    code_of(text, CODE_CHARACTERS_MAX)
}

/// The same, up to a length of its own: a person's name.
pub fn code_of(text: &str, characters_max: usize) -> Result<(), String> {
    one_line(text, 1, characters_max)?;
    let blank = |c: char| matches!(c, ' ' | '\u{a0}');
    if text.starts_with(blank) || text.ends_with(blank) {
        return Err(format!("{text:?} begins or ends with a blank"));
    }
    Ok(())
}

/// What a screen shows beside a code.
pub fn title(text: &str) -> Result<(), String> {
    one_line(text, 0, TITLE_CHARACTERS_MAX)
}

/// A name as agents' configuration files use it.
pub fn name(text: &str) -> Result<(), String> {
    protocol::id::Name::new(text).map(drop).map_err(|error| error.to_string())
}

/// A whole number within bounds.
pub fn within(number: Option<i64>, least: i64, most: i64) -> Result<(), String> {
    match number {
        Some(number) if !(least..=most).contains(&number) => Err(format!("{number} is not within {least} to {most}")),
        _ => Ok(()),
    }
}

/// A moment that somebody can have meant.
pub fn this_age(at: chrono::DateTime<chrono::Utc>) -> Result<(), String> {
    use chrono::Datelike as _;
    if (2000..2200).contains(&at.year()) {
        return Ok(());
    }
    Err(format!("{at} is not within the years 2000 to 2199"))
}

fn one_line(text: &str, least: usize, most: usize) -> Result<(), String> {
    let length = text.chars().count();
    if !(least..=most).contains(&length) {
        return Err(format!("{length} characters: expected {least} to {most}"));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(found) => {
            Err(format!("holds the control character {}: expected one line of text", found.escape_unicode()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_screen_can_show_is_kept_and_control_characters_are_refused() {
        for good in ["P-1", "<script>alert(1)</script>", "'; DROP TABLE plants; --", "a\u{202e}b", "x y", "\u{1f600}"] {
            assert_eq!(code(good), Ok(()), "{good}");
            assert_eq!(title(good), Ok(()), "{good}");
        }
        for bad in ["", " a", "a ", "a\nb", "\u{1b}[31mred", "a\0b", "\u{9b}1m", &"x".repeat(65)] {
            assert!(code(bad).is_err(), "{bad:?}");
        }
        assert_eq!(title(""), Ok(()));
        assert!(title("\u{1b}[2J").is_err());
    }
}
