//! Where one code ends and the next begins, in a stream of bytes. Pure: the shell brings bytes and says when it was silent.
//!
//! A frame ends at a suffix, or after a silence, for scanners that send none. Without either, a second fast scan would be
//! joined to the first.

/// A code can hold at most this much: the largest QR code holds 7,089 digits.
pub const FRAME_BYTES_MAX: usize = 8 * 1024;

#[derive(Debug)]
pub struct Framer {
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    pending: Vec<u8>,
    /// The frame is over the limit: the rest of it, up to its end, is dropped with it.
    overlong: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Code(Vec<u8>),
    /// Longer than [`FRAME_BYTES_MAX`]: noise, or a wrong suffix.
    Overlong,
}

impl Framer {
    /// An empty suffix means that only silence ends a frame.
    #[must_use]
    pub fn new(prefix: &[u8], suffix: &[u8]) -> Framer {
        Framer { prefix: prefix.to_vec(), suffix: suffix.to_vec(), pending: Vec::new(), overlong: false }
    }

    /// Adds what came; returns the frames it completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for byte in bytes {
            if self.pending.len() == FRAME_BYTES_MAX {
                self.overlong = true;
                self.pending.drain(..FRAME_BYTES_MAX - self.suffix.len());
            }
            self.pending.push(*byte);
            if !self.suffix.is_empty() && self.pending.ends_with(&self.suffix) {
                self.pending.truncate(self.pending.len() - self.suffix.len());
                frames.extend(self.take());
            }
        }
        frames
    }

    /// The line was silent for long enough: what is pending is a frame.
    pub fn silence(&mut self) -> Option<Frame> {
        self.take()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && !self.overlong
    }

    fn take(&mut self) -> Option<Frame> {
        let pending = std::mem::take(&mut self.pending);
        if std::mem::take(&mut self.overlong) {
            return Some(Frame::Overlong);
        }
        // A CR LF scanner behind a CR suffix leaves a LF in front of the next code.
        let trimmed = match pending.iter().position(|byte| *byte != b'\r' && *byte != b'\n') {
            Some(start) if self.suffix.first().is_some_and(|byte| *byte == b'\r' || *byte == b'\n') => {
                &pending[start..]
            }
            None => return None,
            Some(_) => &pending[..],
        };
        let code = trimmed.strip_prefix(&self.prefix[..]).unwrap_or(trimmed);
        (!code.is_empty()).then(|| Frame::Code(code.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Frame {
        Frame::Code(text.as_bytes().to_vec())
    }

    #[test]
    fn a_suffix_or_a_silence_ends_a_frame() {
        let mut framer = Framer::new(b"", b"\r");
        assert_eq!(framer.push(b"ab"), []);
        assert_eq!(framer.push(b"c\rde\r\nfg"), [code("abc"), code("de")]);
        assert_eq!(framer.silence(), Some(code("fg")));
        assert_eq!(framer.silence(), None);
        assert_eq!(framer.push(b"\r\n\r"), []);
    }

    #[test]
    fn a_prefix_is_taken_off() {
        let mut framer = Framer::new(b"\x02", b"\x03");
        assert_eq!(framer.push(b"\x02]C1123\x03x\x03"), [code("]C1123"), code("x")]);
    }

    #[test]
    fn an_overlong_frame_is_one_loss_and_the_next_code_is_read() {
        let mut framer = Framer::new(b"", b"\r\n");
        assert_eq!(framer.push(&vec![b'x'; 3 * FRAME_BYTES_MAX]), []);
        assert_eq!(framer.push(b"\r\nnext\r\n"), [Frame::Overlong, code("next")]);
    }

    proptest! {
        #[test]
        fn codes_come_out_however_the_bytes_are_cut(
            codes in prop::collection::vec("[A-Z0-9\\x1d]{1,40}", 1..10),
            cuts in prop::collection::vec(1_usize..20, 1..50),
        ) {
            let stream: Vec<u8> = codes.iter().flat_map(|code| format!("{code}\r\n").into_bytes()).collect();
            let mut framer = Framer::new(b"", b"\r\n");
            let (mut rest, mut found) = (&stream[..], Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                found.extend(framer.push(now));
                rest = later;
            }
            let expected: Vec<Frame> = codes.iter().map(|it| code(it)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
