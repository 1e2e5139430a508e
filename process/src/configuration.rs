//! Configuration files: TOML, strict, with errors that name file, line, key, what was found and what was expected.
//!
//! Reading has two steps. The text becomes a typed value: unknown keys and wrong types end it there. Then the value
//! checks itself: every section pushes what is wrong with it onto [`Problems`] under its [`KeyPath`], which is looked up
//! in the text, so that all of them are told at once and each with its line.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

/// Where a value stands: `modbus[0].device[2].register[1].type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    #[must_use]
    pub fn root() -> KeyPath {
        KeyPath::default()
    }

    #[must_use]
    pub fn key(&self, key: &str) -> KeyPath {
        let mut path = self.clone();
        path.0.push(Step::Key(key.to_owned()));
        path
    }

    #[must_use]
    pub fn index(&self, index: usize) -> KeyPath {
        let mut path = self.clone();
        path.0.push(Step::Index(index));
        path
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with a configuration that parsed.
#[derive(Debug, Default)]
pub struct Problems(Vec<(KeyPath, String)>);

impl Problems {
    /// `text` says what was found, what was expected and, where it is not plain, what to do.
    pub fn add(&mut self, at: KeyPath, text: impl Into<String>) {
        self.0.push((at, text.into()));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `key: text` of each, in the order they were found.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(at, text)| format!("{at}: {text}"))
    }
}

/// A configuration that knows what is right for it.
pub trait Checked {
    fn check(&self, problems: &mut Problems);
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    #[error("cannot read the configuration file {file}: {source}")]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Wrong(Located),
}

/// Everything that is wrong with one file, a line each: `file:line:column: key: what`.
#[derive(Debug)]
pub struct Located(Vec<String>);

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Reads and checks a file.
pub fn read<T: DeserializeOwned + Checked>(file: &Path) -> Result<T, ConfigurationError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| ConfigurationError::Unreadable { file: file.to_owned(), source })?;
    parse(&text, &file.display().to_string())
}

/// Parses and checks a text; `origin` is what messages call it.
pub fn parse<T: DeserializeOwned + Checked>(text: &str, origin: &str) -> Result<T, ConfigurationError> {
    let value: T = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ConfigurationError::Wrong(Located(vec![located(text, origin, at, &explain(error.message()))]))
    })?;
    let mut problems = Problems::default();
    value.check(&mut problems);
    if problems.is_empty() {
        return Ok(value);
    }
    let table = DeTable::parse(text).ok();
    let lines = problems.0.iter().map(|(path, problem)| {
        let at = table.as_ref().map_or(0, |table| offset_of(path, table.get_ref(), table.span().start));
        located(text, origin, at, &format!("{path}: {problem}"))
    });
    Err(ConfigurationError::Wrong(Located(lines.collect())))
}

fn located(text: &str, origin: &str, offset: usize, message: &str) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{origin}:{line}:{column}: {message}")
}

/// Where the longest part of `path` that exists in the text begins.
fn offset_of(path: &KeyPath, root: &DeTable<'_>, start: usize) -> usize {
    enum Place<'t, 'i> {
        Table(&'t DeTable<'i>),
        Value(&'t DeValue<'i>),
    }
    let mut place = Place::Table(root);
    let mut offset = start;
    for step in &path.0 {
        let table = match place {
            Place::Table(table) | Place::Value(DeValue::Table(table)) => Some(table),
            Place::Value(_) => None,
        };
        match (step, table, &place) {
            (Step::Key(key), Some(table), _) => {
                let Some((found, value)) = table.iter().find(|(found, _)| found.get_ref().as_ref() == key) else {
                    return offset;
                };
                offset = found.span().start;
                place = Place::Value(value.get_ref());
            }
            (Step::Index(index), _, Place::Value(DeValue::Array(array))) => {
                let Some(value) = array.get(*index) else { return offset };
                offset = value.span().start;
                place = Place::Value(value.get_ref());
            }
            _ => return offset,
        }
    }
    offset
}

/// A parser's message, with the nearest known key where a key was not known.
fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if !(message.starts_with("unknown field") || message.starts_with("unknown variant")) {
        return message.to_owned();
    }
    let Some(found) = quoted.next() else { return message.to_owned() };
    match nearest(found, quoted) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message.to_owned(),
    }
}

/// The known word that `found` was probably meant to be.
pub fn nearest<'w>(found: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(found, word), word))
        .filter(|(distance, word)| *distance <= word.len().max(found.len()) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Plant {
        #[serde(default)]
        machine: Vec<Machine>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Machine {
        interval_ms: u32,
    }

    impl Checked for Plant {
        fn check(&self, problems: &mut Problems) {
            for (index, machine) in self.machine.iter().enumerate() {
                if machine.interval_ms < 10 {
                    let at = KeyPath::root().key("machine").index(index).key("interval_ms");
                    problems.add(at, format!("{} is too short: expected at least 10", machine.interval_ms));
                }
            }
        }
    }

    fn error(text: &str) -> String {
        parse::<Plant>(text, "plant.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
        assert_eq!(
            error("[[machine]]\ninterval_msec = 100\n"),
            "plant.toml:2:1: unknown field `interval_msec`, expected `interval_ms`; did you mean `interval_ms`?"
        );
    }

    #[test]
    fn a_wrong_type_is_named_with_what_was_found() {
        assert_eq!(
            error("[[machine]]\ninterval_ms = \"often\"\n"),
            "plant.toml:2:15: invalid type: string \"often\", expected u32"
        );
    }

    #[test]
    fn every_problem_of_a_checked_value_is_told_with_its_line() {
        assert_eq!(
            error("[[machine]]\ninterval_ms = 1\n\n[[machine]]\ninterval_ms = 2\n"),
            "plant.toml:2:1: machine[0].interval_ms: 1 is too short: expected at least 10\n\
             plant.toml:5:1: machine[1].interval_ms: 2 is too short: expected at least 10"
        );
    }

    #[test]
    fn broken_toml_is_located() {
        assert!(error("machine = [\n").starts_with("plant.toml:"));
    }
}
