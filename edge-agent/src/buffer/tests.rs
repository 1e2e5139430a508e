//! The log as its users see it, on real files.

use std::path::Path;
use std::sync::Arc;

use process::clock::{Clock, ManualClock};
use protocol::event::{Count, CountBasis, PieceQuality};

use super::configuration::BufferSection;
use super::*;
use crate::status::StatusBoard;
use protocol::batch::OriginKind;
use protocol::id::OriginId;

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn count(delta: i64) -> PendingEvent {
    PendingEvent {
        origin: OriginName::machine(name("press-1")),
        at: UtcMicros(1_700_000_000_000_000 + delta),
        clock: ClockQuality::Synchronized,
        monotonic: Monotonic { boot: 1, us: 1_000 },
        kind: EventKind::Count(Count {
            signal: name("good"),
            quality: PieceQuality::Good,
            delta,
            raw: Some(delta),
            basis: CountBasis::Increase,
        }),
    }
}

pub(super) fn counts(deltas: impl IntoIterator<Item = i64>) -> Append {
    Append { events: deltas.into_iter().map(count).collect(), ..Append::default() }
}

pub(super) fn open_with(
    data_dir: &Path,
    section: &BufferSection,
    boot_id: &str,
) -> Result<(Buffer, Opened), OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UtcMicros(1_700_000_000_000_000)));
    let status = StatusBoard::new(clock.clone()).subject("buffer", "buffer");
    let boot_id = Some(boot_id.to_owned());
    Buffer::open(Opening { data_dir, section, clock, boot_id, instance_id: 7, status })
}

pub(super) fn open(data_dir: &Path) -> (Buffer, Opened) {
    open_with(data_dir, &BufferSection::default(), "boot-a").unwrap()
}

#[tokio::test]
async fn events_are_numbered_without_holes_also_after_everything_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (buffer, _) = open(dir.path());
    assert_eq!(buffer.append(counts(1..=3)).await.unwrap(), Some(Seq(3)));
    assert_eq!(buffer.append(Append::default()).await.unwrap(), None);
    let run = buffer.read(Seq::NONE, 100, 1 << 20).await.unwrap();
    assert_eq!((run.first, run.events.len()), (Seq(1), 3));
    let hash = ChainHash::START.after(&run.events);
    buffer.acknowledge(Seq(3), hash).await.unwrap();
    buffer.close().await;

    let (buffer, _) = open(dir.path());
    let position = buffer.position().await.unwrap();
    assert_eq!((position.acknowledged, position.hash, position.newest), (Seq(3), hash, Seq(3)));
    assert_eq!((position.backlog_events, position.oldest_at), (0, None));
    assert_eq!(buffer.append(counts([4])).await.unwrap(), Some(Seq(4)));
    let run = buffer.read(Seq::NONE, 100, 1 << 20).await.unwrap();
    assert_eq!((run.first, run.events.len()), (Seq(4), 1));
    assert_eq!(run.events[0].decode_kind().unwrap(), count(4).kind);
    assert_eq!(*run.origins, [Origin { id: OriginId(1), kind: OriginKind::Machine, name: name("press-1") }]);
}
