//! Rules between identifiers of one code: what should stand with what, and what must not.
//!
//! GS1 evaluates these over all codes on an item, so a breach in one code is told, not refused.

use protocol::event::Gs1Element;

use super::table;

/// The first rule that `elements` alone do not keep, in words.
#[must_use]
pub fn breach(elements: &[Gs1Element]) -> Option<String> {
    let present = |pattern: &str| elements.iter().any(|element| matches(pattern, &element.ai));
    elements.iter().find_map(|element| {
        let entry = table::find(&element.ai)?;
        let excluded = entry
            .excluded
            .iter()
            .find_map(|pattern| elements.iter().find(|other| other.ai != element.ai && matches(pattern, &other.ai)));
        if let Some(other) = excluded {
            return Some(format!("({}) must not stand with ({})", element.ai, other.ai));
        }
        let missing = entry
            .required
            .iter()
            .find(|alternatives| !alternatives.iter().any(|group| group.iter().all(|pattern| present(pattern))))?;
        let wanted: Vec<String> = missing.iter().map(|group| group.join(" with ")).collect();
        Some(format!("({}) needs {}", element.ai, wanted.join(" or ")))
    })
}

/// `n` in a pattern is any digit.
fn matches(pattern: &str, ai: &str) -> bool {
    pattern.len() == ai.len()
        && pattern.bytes().zip(ai.bytes()).all(|(wanted, found)| wanted == b'n' || wanted == found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(ais: &[&str]) -> Vec<Gs1Element> {
        ais.iter().map(|ai| Gs1Element { ai: (*ai).to_owned(), value: String::new() }).collect()
    }

    #[test]
    fn partners_and_opponents() {
        assert_eq!(breach(&elements(&["01", "10", "17", "21"])), None);
        assert_eq!(breach(&elements(&["00", "02", "37"])), None);
        assert_eq!(breach(&elements(&["01", "3103"])), None);
        assert_eq!(breach(&elements(&["10"])).unwrap(), "(10) needs 01 or 02 or 03 or 8006 or 8026");
        assert_eq!(breach(&elements(&["01", "37"])).unwrap(), "(01) must not stand with (37)");
        assert_eq!(breach(&elements(&["01", "3102", "3103"])).unwrap(), "(3102) must not stand with (3103)");
        assert_eq!(breach(&elements(&["01", "21", "235"])).unwrap(), "(21) must not stand with (235)");
        assert_eq!(breach(&elements(&["01", "250"])).unwrap(), "(250) needs 01 with 21 or 03 with 21 or 8006 with 21");
    }
}
