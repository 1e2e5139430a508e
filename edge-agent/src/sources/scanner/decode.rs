//! From the bytes of one code to a [`Scan`]: symbology identifier, then GS1 where the code claims to hold it. Pure.
//!
//! The raw bytes are kept whatever is found. Symbology identifiers: ISO/IEC 15424.

use protocol::event::{Gs1Element, Scan};
use protocol::id::Name;
use serde::Deserialize;

use super::gs1::{GROUP_SEPARATOR, Gs1Problem, digital_link, element_string, pairing};

/// When a code is taken for a GS1 element string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gs1Reading {
    /// When its symbology identifier says so, or it begins with a group separator. Without either, a GS1-128 and a plain
    /// Code 128 with the same digits cannot be told apart: switch the AIM identifier on in the scanner.
    #[default]
    Auto,
    /// Always: all labels at this scanner are GS1.
    Always,
    Never,
}

/// Interprets the bytes of one code. `substitute` is what the scanner sends in place of a group separator.
#[must_use]
pub fn scan(source: &Name, raw: &[u8], reading: Gs1Reading, substitute: Option<&str>) -> Scan {
    let (symbology, data) = split_symbology(raw);
    let outcome = match std::str::from_utf8(data) {
        Ok(text) => {
            let separator = char::from(GROUP_SEPARATOR).to_string();
            let text = substitute.map_or(text.into(), |it| std::borrow::Cow::Owned(text.replace(it, &separator)));
            interpret(&text, symbology.as_deref(), reading)
        }
        Err(_) if claims_gs1(symbology.as_deref()) => Some(Err("it is no text".to_owned())),
        Err(_) => None,
    };
    let (elements, problem) = match outcome {
        None => (Vec::new(), None),
        Some(Ok(elements)) => {
            let problem = pairing::breach(&elements);
            (elements, problem)
        }
        Some(Err(problem)) => (Vec::new(), Some(problem)),
    };
    Scan { source: source.clone(), raw: raw.to_vec(), symbology, elements, problem }
}

/// `]` , a letter, a modifier.
fn split_symbology(raw: &[u8]) -> (Option<String>, &[u8]) {
    match raw {
        [b']', letter, modifier, data @ ..] if letter.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() => {
            (Some([char::from(*letter), char::from(*modifier)].into_iter().collect()), data)
        }
        _ => (None, raw),
    }
}

/// GS1-128, DataBar and composites, DataMatrix, QR and DotCode with FNC1 first.
fn claims_gs1(symbology: Option<&str>) -> bool {
    matches!(symbology, Some("C1" | "e0" | "e1" | "e2" | "d2" | "Q3" | "J1"))
}

/// None when the code makes no claim.
fn interpret(text: &str, symbology: Option<&str>, reading: Gs1Reading) -> Option<Result<Vec<Gs1Element>, String>> {
    let words = |result: Result<Vec<Gs1Element>, Gs1Problem>| result.map_err(|problem| problem.to_string());
    if reading == Gs1Reading::Never {
        return None;
    }
    if digital_link::is_web_address(text) {
        return digital_link::parse(text).map(words);
    }
    let claims = claims_gs1(symbology) || (symbology.is_none() && text.as_bytes().first() == Some(&GROUP_SEPARATOR));
    if claims || reading == Gs1Reading::Always {
        return Some(words(element_string::parse(text)));
    }
    // EAN-13, UPC-A, EAN-8 and ITF-14 are GTINs without an identifier.
    let is_gtin = match symbology {
        Some("E0") => [12, 13].contains(&text.len()),
        Some("E4") => text.len() == 8,
        Some("I1") => text.len() == 14,
        _ => false,
    };
    is_gtin.then(|| words(element_string::parse(&format!("01{text:0>14}"))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scanned(raw: &[u8], reading: Gs1Reading, substitute: Option<&str>) -> (Option<String>, String, Option<String>) {
        let scan = scan(&Name::new("gate").unwrap(), raw, reading, substitute);
        assert_eq!(scan.raw, raw);
        let elements = scan.elements.iter().map(|it| format!("({}){}", it.ai, it.value)).collect();
        (scan.symbology, elements, scan.problem)
    }

    #[test]
    fn codes_and_what_is_made_of_them() {
        use Gs1Reading::{Always, Auto, Never};
        let gtin = "(01)09521234543213";
        /// What is scanned and how it is to be read; symbology, elements and problem that come out.
        type Case =
            (&'static [u8], Gs1Reading, Option<&'static str>, Option<&'static str>, &'static str, Option<&'static str>);
        let table: &[Case] = &[
            (b"]C10109521234543213", Auto, None, Some("C1"), gtin, None),
            (b"]d20109521234543213", Auto, None, Some("d2"), gtin, None),
            (b"]C00109521234543213", Auto, None, Some("C0"), "", None),
            (b"0109521234543213", Auto, None, None, "", None),
            (b"0109521234543213", Always, None, None, gtin, None),
            (b"\x1d0109521234543213", Auto, None, None, gtin, None),
            (b"]C10109521234543213", Never, None, Some("C1"), "", None),
            (
                b"]C1010952123454321310A|17251231",
                Auto,
                Some("|"),
                Some("C1"),
                "(01)09521234543213(10)A(17)251231",
                None,
            ),
            (b"]E09521234543213", Auto, None, Some("E0"), gtin, None),
            (b"https://id.gs1.org/01/09521234543213", Auto, None, None, gtin, None),
            (b"https://example.com/manual", Auto, None, None, "", None),
            (b"]C110LOT", Auto, None, Some("C1"), "(10)LOT", Some("(10) needs 01 or 02 or 03 or 8006 or 8026")),
            (b"]C10109521234543214", Auto, None, Some("C1"), "", Some("(01) GTIN: its check digit is wrong")),
            (b"]C1\xff\xfe", Auto, None, Some("C1"), "", Some("it is no text")),
            (b"]d1<script>", Auto, None, Some("d1"), "", None),
        ];
        for (raw, reading, substitute, symbology, elements, problem) in table {
            let expected = (symbology.map(str::to_owned), (*elements).to_owned(), problem.map(str::to_owned));
            assert_eq!(scanned(raw, *reading, *substitute), expected, "{}", String::from_utf8_lossy(raw));
        }
    }

    proptest! {
        #[test]
        fn the_raw_bytes_are_kept_whatever_they_are(raw: Vec<u8>) {
            scanned(&raw, Gs1Reading::Always, Some("|"));
        }
    }
}
