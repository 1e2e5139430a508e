//! GS1 data: element strings and Digital Links, read by the rules of the GS1 Barcode Syntax Dictionary.
//!
//! [`table`] holds the dictionary, [`lint`] its content checks; [`element_string`] and [`digital_link`] are the two forms
//! in which the data comes; [`pairing`] are the rules between identifiers. Pure. A form or a value that breaks a rule is a
//! [`Gs1Problem`]; a missing partner is not, since the partner may be in another code on the same item.
//!
//! Not checked: the inner grammar of North American coupons (8110, 8112), and whether the prefix of a key has been issued.

use protocol::event::Gs1Element;

pub mod digital_link;
pub mod element_string;
pub mod lint;
pub mod pairing;
pub mod table;

/// The separator after a field that has no predefined length.
pub const GROUP_SEPARATOR: u8 = 0x1d;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gs1Problem {
    #[error("no data")]
    Empty,
    #[error("no GS1 application identifier begins with {found:?} at position {at}")]
    UnknownIdentifier { found: String, at: usize },
    #[error("({ai}) {title}: {problem}")]
    Value { ai: String, title: &'static str, problem: String },
    #[error("({ai}) stands twice with different values")]
    Contradiction { ai: String },
    #[error("the Digital Link {0}")]
    Link(&'static str),
}

/// One identifier and its value, checked against the identifier's specification.
fn element(entry: &'static table::Entry, ai: &str, value: &str) -> Result<Gs1Element, Gs1Problem> {
    entry.check(value).map_err(|problem| Gs1Problem::Value { ai: ai.to_owned(), title: entry.title, problem })?;
    Ok(Gs1Element { ai: ai.to_owned(), value: value.to_owned() })
}

/// Refuses the same identifier with two values; the same value again is dropped.
fn without_repetition(elements: Vec<Gs1Element>) -> Result<Vec<Gs1Element>, Gs1Problem> {
    let mut kept: Vec<Gs1Element> = Vec::with_capacity(elements.len());
    for element in elements {
        match kept.iter().find(|other| other.ai == element.ai) {
            Some(other) if other.value == element.value => {}
            Some(_) => return Err(Gs1Problem::Contradiction { ai: element.ai }),
            None => kept.push(element),
        }
    }
    Ok(kept)
}
