//! The dictionary of application identifiers, as values.
//!
//! A line reads `AI[-AI] [flags] components [attributes] [# title]`:
//! - flag `*`: predefined length, no separator follows; flag `?`: may be an attribute of a Digital Link
//! - a component is a character set (`N` digits, `X` set 82, `Y` set 39, `Z` base64url), a length (`6`, `..20`) and checks;
//!   in brackets it is optional
//! - `req=` lists alternatives of identifiers that must be there too, `ex=` those that must not; `n` is any digit
//! - `dlpkey` marks a primary key of a Digital Link, with alternatives of ordered qualifiers

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lint::Lint;

pub(crate) const TEXT: &str = include_str!("application_identifiers.txt");

#[derive(Debug)]
pub struct Entry {
    pub predefined_length: bool,
    pub link_attribute: bool,
    pub components: Vec<Component>,
    /// Each must be met by one of its alternatives; an alternative is met when all of its patterns are.
    pub required: Vec<Vec<Vec<&'static str>>>,
    pub excluded: Vec<&'static str>,
    /// Alternatives of ordered qualifiers, where the identifier is a primary key.
    pub link_key: Option<Vec<Vec<&'static str>>>,
    pub title: &'static str,
}

#[derive(Debug)]
pub struct Component {
    pub characters: CharacterSet,
    pub length_min: usize,
    pub length_max: usize,
    pub optional: bool,
    pub lints: Vec<Lint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharacterSet {
    Digits,
    /// GS1 AI encodable character set 82 (ISO/IEC 646).
    Set82,
    /// GS1 AI encodable character set 39.
    Set39,
    Base64Url,
}

impl CharacterSet {
    #[must_use]
    pub fn holds(self, c: char) -> bool {
        match self {
            CharacterSet::Digits => c.is_ascii_digit(),
            CharacterSet::Set82 => c.is_ascii_alphanumeric() || "!\"%&'()*+,-./:;<=>?_".contains(c),
            CharacterSet::Set39 => c.is_ascii_digit() || c.is_ascii_uppercase() || "#-/".contains(c),
            CharacterSet::Base64Url => c.is_ascii_alphanumeric() || "-_=".contains(c),
        }
    }

    fn name(self) -> &'static str {
        match self {
            CharacterSet::Digits => "digits",
            CharacterSet::Set82 => "characters of set 82",
            CharacterSet::Set39 => "characters of set 39",
            CharacterSet::Base64Url => "base64url",
        }
    }
}

impl Entry {
    /// The number of characters, where it is fixed.
    #[must_use]
    pub fn predefined_characters(&self) -> Option<usize> {
        self.predefined_length.then(|| self.components.iter().map(|component| component.length_max).sum())
    }

    /// Applies each component to its part of `value`. What is wrong is said in words.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let mut rest = value;
        for component in &self.components {
            if rest.is_empty() && component.optional {
                break;
            }
            let end = rest.char_indices().nth(component.length_max).map_or(rest.len(), |(at, _)| at);
            let (part, after) = rest.split_at(end);
            component.check(part)?;
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("{} characters too many: {rest:?}", rest.chars().count())) }
    }
}

impl Component {
    fn check(&self, part: &str) -> Result<(), String> {
        let length = part.chars().count();
        if length < self.length_min {
            let expected = if self.length_min == self.length_max {
                self.length_max.to_string()
            } else {
                format!("{} to {}", self.length_min, self.length_max)
            };
            return Err(format!("{length} characters, expected {expected}"));
        }
        if let Some(wrong) = part.chars().find(|c| !self.characters.holds(*c)) {
            return Err(format!("{wrong:?} is not allowed: expected {}", self.characters.name()));
        }
        self.lints.iter().try_for_each(|lint| lint.check(part).map_err(str::to_owned))
    }
}

/// The entry of an identifier, such as `01` or `3103`.
#[must_use]
pub fn find(ai: &str) -> Option<&'static Entry> {
    TABLE.get(ai)
}

/// The identifier that `text` begins with. Identifiers are prefix-free, so there is one at most.
#[must_use]
pub fn find_prefix(text: &str) -> Option<(&str, &'static Entry)> {
    (2..=4).filter_map(|length| text.get(..length)).find_map(|ai| Some((ai, find(ai)?)))
}

static TABLE: LazyLock<HashMap<String, Entry>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
        for (ai, entry) in parse(line).unwrap_or_default() {
            table.insert(ai, entry);
        }
    }
    table
});

/// The identifiers of one line. None for a line that is not understood, which a test rules out for the table.
fn parse(line: &'static str) -> Option<Vec<(String, Entry)>> {
    let (definition, title) = line.split_once(" # ").unwrap_or((line, ""));
    let mut words = definition.split_whitespace().peekable();
    let identifiers = words.next()?;
    let flags = words.next_if(|word| word.chars().all(|c| c == '*' || c == '?')).unwrap_or("");
    let mut specification = Vec::new();
    while let Some(word) = words.next_if(|word| word.starts_with(['N', 'X', 'Y', 'Z', '['])) {
        specification.push(word);
    }
    let attributes: Vec<&'static str> = words.collect();
    let (from, to) = identifiers.split_once('-').unwrap_or((identifiers, identifiers));
    let width = from.len();
    (from.parse::<u32>().ok()?..=to.parse().ok()?)
        .map(|number| {
            let entry = Entry {
                predefined_length: flags.contains('*'),
                link_attribute: flags.contains('?'),
                components: specification.iter().map(|word| parse_component(word)).collect::<Option<_>>()?,
                required: attributes.iter().filter_map(|word| word.strip_prefix("req=")).map(parse_groups).collect(),
                excluded: attributes
                    .iter()
                    .filter_map(|word| word.strip_prefix("ex="))
                    .flat_map(|list| list.split(','))
                    .collect(),
                link_key: attributes.iter().find_map(|word| parse_link_key(word)),
                title,
            };
            Some((format!("{number:0width$}"), entry))
        })
        .collect()
}

fn parse_groups(list: &'static str) -> Vec<Vec<&'static str>> {
    list.split(',').map(|group| group.split('+').collect()).collect()
}

fn parse_link_key(word: &'static str) -> Option<Vec<Vec<&'static str>>> {
    let qualifiers = word.strip_prefix("dlpkey")?;
    let Some(alternatives) = qualifiers.strip_prefix('=') else { return Some(vec![Vec::new()]) };
    Some(alternatives.split('|').map(|sequence| sequence.split(',').collect()).collect())
}

fn parse_component(word: &str) -> Option<Component> {
    let optional = word.starts_with('[');
    let plain: String = word.chars().filter(|c| *c != '[' && *c != ']').collect();
    let mut parts = plain.split(',');
    let kind = parts.next()?;
    let characters = match kind.chars().next()? {
        'N' => CharacterSet::Digits,
        'X' => CharacterSet::Set82,
        'Y' => CharacterSet::Set39,
        'Z' => CharacterSet::Base64Url,
        _ => return None,
    };
    let length = &kind[1..];
    let (length_min, length_max) = match length.strip_prefix("..") {
        Some(most) => (1, most.parse().ok()?),
        None => (length.parse().ok()?, length.parse().ok()?),
    };
    let lints = parts.map(Lint::by_name).collect::<Option<_>>()?;
    Some(Component { characters, length_min, length_max, optional, lints })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let lines: Vec<&str> = TEXT.lines().filter(|line| !line.starts_with('#')).collect();
        for line in &lines {
            assert!(parse(line).is_some_and(|entries| !entries.is_empty()), "{line}");
        }
        assert!(lines.len() > 200, "{}", lines.len());
    }

    #[test]
    fn identifiers_are_prefix_free() {
        for ai in TABLE.keys() {
            for length in 2..ai.len() {
                assert!(find(&ai[..length]).is_none(), "{ai}");
            }
        }
    }

    /// The product's table against the dictionary itself, line by line, where it lies beside the project.
    #[test]
    fn the_table_is_the_dictionary() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/gs1/gs1-syntax-dictionary.txt");
        let Ok(dictionary) = std::fs::read_to_string(file) else {
            eprintln!("skipped: {file} is not here");
            return;
        };
        let folded = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect()
        };
        assert_eq!(folded(TEXT), folded(&dictionary));
    }

    #[test]
    fn columns_mean_what_they_say() {
        let gtin = find("01").unwrap();
        assert_eq!(gtin.predefined_characters(), Some(14));
        assert_eq!(gtin.excluded, ["255", "37"]);
        assert_eq!(gtin.link_key, Some(vec![vec!["22", "10", "21"], vec!["235"]]));
        let lot = find("10").unwrap();
        assert_eq!((lot.predefined_characters(), lot.title), (None, "BATCH/LOT"));
        assert_eq!(lot.required, [vec![vec!["01"], vec!["02"], vec!["03"], vec!["8006"], vec!["8026"]]]);
        assert!(find("3106").is_none());
        assert_eq!(find_prefix("31031234").map(|(ai, _)| ai), Some("3103"));
    }
}
