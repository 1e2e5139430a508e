//! A keyboard device taken for ourselves. Its number changes at every plug, so it is opened by its name.

use std::io;
use std::path::Path;

use evdev::{Device, EventStream, EventSummary};

pub(super) struct Keys(EventStream);

impl Keys {
    /// Opens and grabs: from here on no desktop sees its keys.
    pub(super) fn grab(path: &Path) -> io::Result<Keys> {
        let mut device = Device::open(path)?;
        device.grab()?;
        Ok(Keys(device.into_event_stream()?))
    }

    /// The next key and whether it went down. An error ends the device: it was unplugged.
    pub(super) async fn next(&mut self) -> io::Result<(u16, bool)> {
        loop {
            if let EventSummary::Key(_, key, state) = self.0.next_event().await?.destructure()
                // 2 is a repeat, which no scanner means.
                && state < 2
            {
                return Ok((key.code(), state == 1));
            }
        }
    }
}
