//! Every limit of the wire, in one place. A sender keeps them; a receiver enforces them before it allocates,
//! decompresses or parses.

/// A frame as it travels.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A frame's content after decompression.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What decoding may claim in memory. bincode counts integers at full width and elements of lists at their size in memory,
/// so that content within its own limit claims more than its length.
pub const DECODED_BYTES_MAX: usize = 4 * CONTENT_BYTES_MAX;
/// Content may be at most this many times the size it travelled in: repetitive events reach about 60.
pub const COMPRESSION_RATIO_MAX: usize = 256;
/// Events in one batch.
pub const EVENTS_PER_BATCH_MAX: usize = 20_000;
/// The body of one event: a scan with every application identifier, an operator's note.
pub const EVENT_BODY_BYTES_MAX: usize = 16 * 1024;
/// Machines, stations and the agent itself, of one agent.
pub const ORIGINS_MAX: usize = 1_000;
/// Sources and devices whose condition one agent reports.
pub const CONDITIONS_MAX: usize = 2_000;
/// Stops and parts of stops that [`crate::correction::Corrections`] tells of: far more than people correct in a day.
pub const CORRECTIONS_MAX: usize = 500;
/// [`crate::id::Name`].
pub const NAME_BYTES_MAX: usize = 64;
/// Free text: notes, reasons, descriptions.
pub const TEXT_BYTES_MAX: usize = 4 * 1024;
