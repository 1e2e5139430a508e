//! What central answers. Every input is a reply or an error; a reply that decoded survives the way out and back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::codec;
use protocol::reply::Reply;

fuzz_target!(|input: &[u8]| {
    check(input);
    check(&frame_around(input));
});

fn check(frame: &[u8]) {
    let Ok(reply) = codec::decode::<Reply>(frame) else { return };
    let again = codec::encode(&reply).expect("what decoded is within the limits");
    assert_eq!(codec::decode::<Reply>(&again), Ok(reply));
}

fn frame_around(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a small input").to_le_bytes();
    let mut frame = b"SFM\0\x01\0\0\0".to_vec();
    frame.extend_from_slice(&length);
    frame.extend_from_slice(&length);
    frame.extend_from_slice(content);
    frame
}
