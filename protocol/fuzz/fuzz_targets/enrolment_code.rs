//! What a person types. Every text is a code or an error; a code that was understood reads the same when written anew.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::enrolment::{EnrolmentCode, KeyFingerprint};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = text.parse::<KeyFingerprint>();
    let Ok(code) = EnrolmentCode::parse(text) else { return };
    assert_eq!(EnrolmentCode::parse(&code.to_text()), Ok(code));
});
