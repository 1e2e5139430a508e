//! Digital Links: `https://host/…/01/GTIN/10/LOT?17=251231`. A primary key, its qualifiers in their order, attributes in
//! the query. Source: GS1 Digital Link Standard: URI Syntax 1.6. Compressed links are not read.

use std::borrow::Cow;

use protocol::event::Gs1Element;

use super::{Gs1Problem, element, table, without_repetition};

/// Whether `text` is a web address at all; only then is [`parse`] worth a try.
#[must_use]
pub fn is_web_address(text: &str) -> bool {
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    scheme.starts_with("https://") || scheme.starts_with("http://")
}

/// None for a web address that is no Digital Link.
pub fn parse(uri: &str) -> Option<Result<Vec<Gs1Element>, Gs1Problem>> {
    let rest = uri.split_once("://")?.1;
    let rest = rest.split('#').next()?;
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path: Vec<&str> = location.trim_end_matches('/').split('/').skip(1).collect();
    let mut problem = None;
    for start in 0..path.len() {
        let is_key = table::find(path[start]).is_some_and(|entry| entry.link_key.is_some());
        let in_pairs = (path.len() - start).is_multiple_of(2);
        if is_key && in_pairs {
            match parse_from(&path[start..], query) {
                Ok(elements) => return Some(Ok(elements)),
                Err(found) => problem = Some(Err(found)),
            }
        }
    }
    problem
}

fn parse_from(path: &[&str], query: &str) -> Result<Vec<Gs1Element>, Gs1Problem> {
    let mut elements = Vec::new();
    let mut qualifiers = Vec::new();
    for pair in path.chunks_exact(2) {
        let (ai, value) = (pair[0], percent_decoded(pair[1])?);
        let entry = table::find(ai).ok_or_else(|| Gs1Problem::UnknownIdentifier { found: ai.to_owned(), at: 0 })?;
        elements.push(element(entry, ai, &padded(ai, &value))?);
        qualifiers.push(ai);
    }
    let key = qualifiers.remove(0);
    let sequences = table::find(key).and_then(|entry| entry.link_key.as_ref());
    if !sequences.is_some_and(|sequences| sequences.iter().any(|sequence| in_order(&qualifiers, sequence))) {
        return Err(Gs1Problem::Link("has qualifiers that its key does not take, or in another order"));
    }
    for parameter in query.split(['&', ';']).filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        // Names that are not all digits belong to the web site.
        if name.chars().all(|c| c.is_ascii_digit()) {
            let entry =
                table::find(name).ok_or_else(|| Gs1Problem::UnknownIdentifier { found: name.to_owned(), at: 0 })?;
            if !entry.link_attribute {
                return Err(Gs1Problem::Link("carries an identifier in its query that may not stand there"));
            }
            elements.push(element(entry, name, &percent_decoded(value)?)?);
        }
    }
    without_repetition(elements)
}

/// GTINs of 8, 12 and 13 digits are allowed in the path and mean the same with zeros in front.
fn padded<'v>(ai: &str, value: &'v str) -> Cow<'v, str> {
    if ai == "01" && [8, 12, 13].contains(&value.len()) { Cow::Owned(format!("{value:0>14}")) } else { value.into() }
}

fn in_order(found: &[&str], sequence: &[&str]) -> bool {
    let mut rest = sequence.iter();
    found.iter().all(|ai| rest.any(|allowed| allowed == ai))
}

fn percent_decoded(text: &str) -> Result<String, Gs1Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let hexadecimal = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = hexadecimal.filter(|pair| pair.bytes().all(|it| it.is_ascii_hexdigit()));
        let byte = byte.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.ok_or(Gs1Problem::Link("holds a % that is not followed by two hexadecimal digits"))?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| Gs1Problem::Link("holds bytes that are no text"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(uri: &str) -> Option<Result<String, String>> {
        let result = parse(uri)?.map_err(|problem| problem.to_string());
        Some(result.map(|elements| elements.iter().map(|it| format!("({}){}", it.ai, it.value)).collect()))
    }

    #[test]
    fn links_and_what_they_say() {
        let good = [
            ("https://id.gs1.org/01/09521234543213", "(01)09521234543213"),
            (
                "https://example.com/a/b/01/9521234543213/22/2A/10/L%2F1/21/X?17=251231&utm=1#top",
                "(01)09521234543213(22)2A(10)L/1(21)X(17)251231",
            ),
            ("HTTPS://example.com/414/9521234543213/254/32a", "(414)9521234543213(254)32a"),
            ("https://example.com/8004/9521234A", "(8004)9521234A"),
            ("http://example.com/01/09521234543213/235/T1", "(01)09521234543213(235)T1"),
        ];
        for (uri, expected) in good {
            assert_eq!(parsed(uri), Some(Ok(expected.to_owned())), "{uri}");
        }
        for uri in ["https://example.com/", "https://example.com/products/7", "no address"] {
            assert_eq!(parsed(uri), None, "{uri}");
        }
    }

    #[test]
    fn links_that_break_a_rule() {
        let order = "the Digital Link has qualifiers that its key does not take, or in another order";
        let bad = [
            ("https://example.com/01/09521234543214", "(01) GTIN: its check digit is wrong"),
            ("https://example.com/01/09521234543213/21/X/10/L", order),
            ("https://example.com/01/09521234543213/10/L/235/T", order),
            (
                "https://example.com/01/09521234543213?10=%zz",
                "the Digital Link holds a % that is not followed by two hexadecimal digits",
            ),
            (
                "https://example.com/01/09521234543213?254=1",
                "the Digital Link carries an identifier in its query that may not stand there",
            ),
            (
                "https://example.com/01/09521234543213?88=1",
                "no GS1 application identifier begins with \"88\" at position 0",
            ),
        ];
        for (uri, expected) in bad {
            assert_eq!(parsed(uri), Some(Err(expected.to_owned())), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(rest in "[a-z0-9/%?&=.é]{0,60}") {
            let _ = parse(&format!("https://{rest}"));
            let _ = parse(&format!("https://h/01/{rest}"));
        }
    }
}
