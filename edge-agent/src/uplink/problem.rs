//! What central says when it does not do what was asked: `{title, detail}` in JSON.

use std::fmt;

use serde::Deserialize;

const TEXT_CHARACTERS_MAX: usize = 300;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub title: String,
    pub detail: String,
}

impl Problem {
    /// Reads an answer's body; anything that is not JSON, such as a proxy's page, is quoted in short.
    #[must_use]
    pub fn read(body: &[u8]) -> Problem {
        serde_json::from_slice(body)
            .unwrap_or_else(|_| Problem { title: String::new(), detail: String::from_utf8_lossy(body).into_owned() })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both = match (self.title.trim(), self.detail.trim()) {
            ("", "") => "no reason given".to_owned(),
            ("", only) | (only, "") => only.to_owned(),
            (title, detail) => format!("{title}: {detail}"),
        };
        // A log line and a terminal are no place for what a stranger sends.
        f.write_str(&both.chars().filter(|c| !c.is_control()).take(TEXT_CHARACTERS_MAX).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_whatever_its_form() {
        let told = |body: &str| Problem::read(body.as_bytes()).to_string();
        assert_eq!(
            told(r#"{"title":"Refused","detail":"the secret has expired","status":403}"#),
            "Refused: the secret has expired"
        );
        assert_eq!(told(r#"{"detail":"disabled"}"#), "disabled");
        assert_eq!(told(""), "no reason given");
        assert_eq!(told("<h1>\x1b[2JBad gateway</h1>\n"), "<h1>[2JBad gateway</h1>");
        assert_eq!(told(&"x".repeat(10_000)).len(), TEXT_CHARACTERS_MAX);
    }
}
