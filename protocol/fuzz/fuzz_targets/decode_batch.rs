//! What an agent sends. Every input is a batch or an error; a batch that decoded survives the way out and back, and so
//! does the meaning of each of its events. The input is tried as a whole frame and as the content of one, so that the
//! fuzzer need not invent headers or compression.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::batch::Batch;
use protocol::codec;

fuzz_target!(|input: &[u8]| {
    check(input);
    check(&frame_around(input));
});

fn check(frame: &[u8]) {
    let Ok(batch) = codec::decode::<Batch>(frame) else { return };
    let again = codec::encode(&batch).expect("what decoded is within the limits");
    assert_eq!(codec::decode::<Batch>(&again).as_ref(), Ok(&batch));
    let _ = batch.last_seq();
    let _ = batch.previous.after(&batch.events);
    for event in &batch.events {
        if let Ok(kind) = event.decode_kind() {
            assert_eq!(kind.tag(), event.kind);
            let _ = kind.class();
            // Encodings are not unique (an integer may be written longer than it need be), so the second one counts.
            let body = kind.body();
            let reread = protocol::event::EventKind::decode(kind.tag(), &body).expect("our own encoding");
            assert_eq!(reread.body(), body);
        }
    }
}

fn frame_around(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a small input").to_le_bytes();
    let mut frame = b"SFM\0\x01\0\0\0".to_vec();
    frame.extend_from_slice(&length);
    frame.extend_from_slice(&length);
    frame.extend_from_slice(content);
    frame
}
