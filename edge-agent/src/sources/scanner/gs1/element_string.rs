//! Element strings: identifiers and values one after the other, as GS1-128, DataMatrix, QR and DataBar codes carry them.
//! Fields without a predefined length end at a group separator (FNC1) or at the end.

use protocol::event::Gs1Element;

use super::{GROUP_SEPARATOR, Gs1Problem, element, table, without_repetition};

/// Parses an element string, without its symbology identifier. A group separator in front, or after a field of predefined
/// length, is tolerated, as scanners send them.
pub fn parse(data: &str) -> Result<Vec<Gs1Element>, Gs1Problem> {
    let separator = char::from(GROUP_SEPARATOR);
    let mut elements = Vec::new();
    let mut rest = data.strip_prefix(separator).unwrap_or(data);
    if rest.is_empty() {
        return Err(Gs1Problem::Empty);
    }
    while !rest.is_empty() {
        let at = data.len() - rest.len();
        let Some((ai, entry)) = table::find_prefix(rest) else {
            return Err(Gs1Problem::UnknownIdentifier { found: rest.chars().take(4).collect(), at });
        };
        let field = &rest[ai.len()..];
        let end = match entry.predefined_characters() {
            Some(count) => field.char_indices().nth(count).map_or(field.len(), |(at, _)| at),
            None => field.find(separator).unwrap_or(field.len()),
        };
        let (value, after) = field.split_at(end);
        elements.push(element(entry, ai, value)?);
        rest = after.strip_prefix(separator).unwrap_or(after);
    }
    without_repetition(elements)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(data: &str) -> Result<String, String> {
        let elements = parse(data).map_err(|problem| problem.to_string())?;
        Ok(elements.iter().map(|element| format!("({}){}", element.ai, element.value)).collect())
    }

    #[test]
    fn element_strings_as_scanners_send_them() {
        let good = [
            ("0109521234543213", "(01)09521234543213"),
            ("010952123454321310ABC123\x1d17251231", "(01)09521234543213(10)ABC123(17)251231"),
            ("010952123454321317251231\x1d10ABC123", "(01)09521234543213(17)251231(10)ABC123"),
            ("\x1d0109521234543213", "(01)09521234543213"),
            ("01095212345432133103001750", "(01)09521234543213(3103)001750"),
            ("422276\x1d0109521234543213", "(422)276(01)09521234543213"),
            ("70032512311200", "(7003)2512311200"),
            ("423276756", "(423)276756"),
        ];
        for (data, expected) in good {
            assert_eq!(parsed(data).as_deref(), Ok(expected), "{data:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let bad = [
            ("", "no data"),
            ("0109521234543214", "(01) GTIN: its check digit is wrong"),
            ("010952123454321", "(01) GTIN: 13 characters, expected 14"),
            ("9", "no GS1 application identifier begins with \"9\" at position 0"),
            ("0109521234543213\x1d88", "no GS1 application identifier begins with \"88\" at position 17"),
            ("10\x1d17251231", "(10) BATCH/LOT: 0 characters, expected 1 to 20"),
            ("10ABCDEFGHIJKLMNOPQRSTUVW", "(10) BATCH/LOT: 3 characters too many: \"UVW\""),
            ("10caf\u{e9}", "(10) BATCH/LOT: '\u{e9}' is not allowed: expected characters of set 82"),
            ("17251301", "(17) USE BY or EXPIRY: is not a date YYMMDD (DD may be 00)"),
            ("10A\x1d10B", "(10) stands twice with different values"),
        ];
        for (data, expected) in bad {
            assert_eq!(parsed(data).unwrap_err(), expected, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(data in "[0-9A-Z\\x1d%é]{0,60}") {
            let _ = parse(&data);
        }

        #[test]
        fn what_is_written_is_read(lot in "[A-Za-z0-9+/-]{1,20}", serial in "[0-9A-Z]{1,20}", grams in 0_u32..1_000_000) {
            let data = format!("010952123454321310{lot}\x1d21{serial}\x1d3103{grams:06}");
            let elements = parse(&data).unwrap();
            prop_assert_eq!(elements.len(), 4);
            prop_assert_eq!(&elements[1].value, &lot);
            prop_assert_eq!(&elements[2].value, &serial);
            prop_assert_eq!(&elements[3].value, &format!("{grams:06}"));
        }
    }
}
