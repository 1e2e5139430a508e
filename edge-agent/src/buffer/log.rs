//! Every statement on the events, marks and states. Runs on the one thread that owns the connection.
//!
//! Each function is one transaction (or a bounded chunk of one piece of work); what the log remembers in memory changes only
//! after the commit has returned.

use std::collections::HashMap;
use std::sync::Arc;

use process::clock::Moment;
use protocol::batch::{Origin, OriginKind};
use protocol::chain::ChainHash;
use protocol::event::{Class, EventKind, KindTag, RawEvent};
use protocol::id::{Epoch, Name, OriginId, Seq};
use protocol::limits::ORIGINS_MAX;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};
use protocol::version;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::policy::{self, Loss};
use super::{Append, PendingEvent, Run};
use crate::capture::Receipt;
use crate::reading::OriginName;

/// Where the id of the agent that the log belongs to is kept, among the states.
const OWNER_KEY: &str = "agent";
/// Receipts kept per source: more than a broker keeps in flight, and than a client has packet identifiers in use.
pub(super) const RECEIPTS_PER_SOURCE: u64 = 8_192;
/// Rows that one step of acknowledging or correcting touches, so that appends wait for milliseconds at most.
pub(super) const CHUNK_ROWS: u64 = 2_000;

/// Free pages that stay in the file for what comes next.
const FREE_PAGES_KEPT: u64 = 2_048;
const MEASUREMENT: KindTag = KindTag(7);
const INSERT_EVENT: &str = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// An append as the thread receives it: bodies are encoded by whoever appends.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) events: Vec<PreparedEvent>,
    pub(super) states: Vec<(String, Vec<u8>)>,
    pub(super) receipts: Vec<Receipt>,
}

#[derive(Debug)]
pub(super) struct PreparedEvent {
    pub(super) origin: OriginName,
    pub(super) at: UtcMicros,
    pub(super) clock: ClockQuality,
    pub(super) monotonic: Monotonic,
    pub(super) class: Class,
    /// Signal of a measurement.
    pub(super) signal: Option<Name>,
    pub(super) kind: KindTag,
    pub(super) body: Vec<u8>,
}

impl Prepared {
    pub(super) fn new(append: Append) -> Prepared {
        let events = append.events.into_iter().map(PreparedEvent::new).collect();
        Prepared { events, states: append.states, receipts: append.receipts }
    }
}

impl PreparedEvent {
    pub(super) fn of_the_agent(kind: EventKind, now: Moment) -> PreparedEvent {
        let clock = ClockQuality::Unverified;
        PreparedEvent::new(PendingEvent {
            origin: policy::agent(),
            at: now.wall,
            clock,
            monotonic: now.monotonic,
            kind,
        })
    }

    pub(super) fn new(event: PendingEvent) -> PreparedEvent {
        PreparedEvent {
            at: event.at,
            clock: event.clock,
            monotonic: event.monotonic,
            class: event.kind.class(),
            kind: event.kind.tag(),
            body: event.kind.body(),
            signal: match event.kind {
                EventKind::Measurement(measurement) => Some(measurement.signal),
                _ => None,
            },
            origin: event.origin,
        }
    }
}

/// What the file's single row of `meta` says, and what follows from the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) epoch: Epoch,
    pub(super) acknowledged: Seq,
    pub(super) hash: ChainHash,
    pub(super) newest: Seq,
    /// Places without an event, of those not acknowledged.
    pub(super) places: u64,
    /// Events lost by policy, ever.
    pub(super) dropped: u64,
    /// Of those, what no gap has told yet.
    pub(super) loss: Loss,
    pub(super) starts: u32,
    pub(super) boot: u32,
}

/// A transaction whose commit failed: it may be in the file all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Uncertain {
    /// The newest event, if it is.
    pub(super) newest: Seq,
    pub(super) answers: Vec<Option<Seq>>,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) connection: Connection,
    pub(super) mark: Mark,
    pub(super) uncertain: Option<Uncertain>,
    origins: Origins,
    receipt_place: i64,
    receipts_since_pruning: HashMap<Name, u64>,
    /// Commits wait for the disk: always, but while something is forgotten.
    waits_for_disk: bool,
}

#[derive(Debug, Default)]
struct Origins {
    ids: HashMap<OriginName, OriginId>,
    all: Arc<[Origin]>,
}

impl Log {
    /// Takes over a connection whose file has the current layout.
    pub(super) fn load(connection: Connection) -> rusqlite::Result<Log> {
        let mark = read_mark(&connection)?;
        let origins = Origins::load(&connection)?;
        let receipt_place =
            connection.query_row("SELECT coalesce(max(place), 0) FROM receipts", [], |row| row.get(0))?;
        Ok(Log {
            connection,
            mark,
            uncertain: None,
            origins,
            receipt_place,
            receipts_since_pruning: HashMap::new(),
            waits_for_disk: true,
        })
    }

    /// Forgets something that central has, in commits that reach the disk with the next one that waits for it. When the
    /// power goes before, the end of the write-ahead log is missing: then more is remembered than needed, central's next
    /// reply says so, and it is forgotten again.
    fn forgetting<T>(&mut self, forget: impl FnOnce(&mut Log) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        self.waits_for_disk = false;
        let forgotten = forget(self);
        self.wait_for_disk()?;
        forgotten
    }

    fn wait_for_disk(&mut self) -> rusqlite::Result<()> {
        if !self.waits_for_disk {
            self.connection.execute_batch("PRAGMA synchronous = FULL")?;
            self.waits_for_disk = true;
        }
        Ok(())
    }

    /// Commits a group of appends in one transaction. Answers the last sequence of each.
    ///
    /// `lost` is what the policy took out of them. It is remembered in the same transaction and, at `tell`, told by a gap
    /// together with what was remembered before.
    pub(super) fn append(
        &mut self,
        group: &[&Prepared],
        lost: Loss,
        tell: Option<Moment>,
    ) -> rusqlite::Result<Vec<Option<Seq>>> {
        self.uncertain = None;
        self.wait_for_disk()?;
        let transaction = begin(&self.connection)?;
        let mut origins = OriginsInTransaction { known: &self.origins, added: Vec::new() };
        let mut mark = self.mark;
        let mut place = self.receipt_place;
        let mut answers = Vec::with_capacity(group.len());
        for append in group {
            let before = mark.newest;
            mark.newest = insert_events(&transaction, &mut origins, before, &append.events)?;
            put_states(&transaction, &append.states)?;
            place = put_receipts(&transaction, &append.receipts, place)?;
            answers.push((mark.newest > before).then_some(mark.newest));
        }
        mark.dropped += lost.count;
        mark.loss = mark.loss.and(lost);
        if let Some(now) = tell.filter(|_| mark.loss.count > 0) {
            let gap = PreparedEvent::of_the_agent(mark.loss.gap(), now);
            mark.newest = insert_events(&transaction, &mut origins, mark.newest, &[gap])?;
            mark.loss = Loss::default();
        }
        if mark.loss != self.mark.loss {
            put_loss(&transaction, &mark)?;
        }
        let added = origins.added;
        if let Err(error) = transaction.commit() {
            self.uncertain = Some(Uncertain { newest: mark.newest, answers });
            return Err(error);
        }
        self.mark = mark;
        self.receipt_place = place;
        self.origins.add(added);
        // What is committed is answered, whatever becomes of this.
        if let Err(error) = self.prune_receipts(group) {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot prune receipts");
        }
        Ok(answers)
    }

    /// Old receipts of sources that sent many since they were last pruned.
    fn prune_receipts(&mut self, group: &[&Prepared]) -> rusqlite::Result<()> {
        for receipt in group.iter().flat_map(|append| &append.receipts) {
            let since = self.receipts_since_pruning.entry(receipt.source.clone()).or_insert(RECEIPTS_PER_SOURCE / 8);
            *since += 1;
            if *since >= RECEIPTS_PER_SOURCE / 8 {
                *since = 0;
                self.connection
                    .prepare_cached(
                        "DELETE FROM receipts WHERE source = ?1 AND place <= (
                             SELECT place FROM receipts WHERE source = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)",
                    )?
                    .execute(params![receipt.source.as_str(), RECEIPTS_PER_SOURCE.cast_signed()])?;
            }
        }
        Ok(())
    }

    /// A run of events after `after`, as [`super::Buffer::read`] promises it.
    pub(super) fn read(&self, after: Seq, events_max: usize, bytes_max: usize) -> rusqlite::Result<Run> {
        let first = after.max(self.mark.acknowledged).next();
        let mut events = Vec::new();
        let mut bytes = 0;
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, at, clock, boot, monotonic_us, origin, kind, version, body FROM events WHERE seq >= ?1 ORDER BY seq",
        )?;
        let mut rows = statement.query([first.0.cast_signed()])?;
        while events.len() < events_max {
            let Some(row) = rows.next()? else { break };
            let (seq, event) = event_of(row)?;
            if seq != first.plus(events.len() as u64) {
                return Err(damaged(format!("event {} is missing", first.plus(events.len() as u64))));
            }
            bytes += event.body.len();
            if bytes > bytes_max && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        Ok(Run { first, events, origins: self.origins.all.clone() })
    }

    pub(super) fn states(&self) -> rusqlite::Result<HashMap<String, Vec<u8>>> {
        let mut statement = self.connection.prepare_cached("SELECT key, state FROM states")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    pub(super) fn state(&self, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        self.connection
            .prepare_cached("SELECT state FROM states WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()
    }

    pub(super) fn set_state(&self, key: &str, state: &[u8]) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO states VALUES (?1, ?2)")?
            .execute(params![key, state])?;
        Ok(())
    }

    pub(super) fn receipts(&self, source: &Name) -> rusqlite::Result<Vec<Receipt>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT key, serial, digest FROM receipts WHERE source = ?1 ORDER BY place")?;
        statement
            .query_map([source.as_str()], |row| {
                Ok(Receipt { source: source.clone(), key: row.get(0)?, serial: unsigned(row, 1)?, digest: row.get(2)? })
            })?
            .collect()
    }

    pub(super) fn forget_receipts(&self, source: &Name) -> rusqlite::Result<()> {
        self.connection.prepare_cached("DELETE FROM receipts WHERE source = ?1")?.execute([source.as_str()])?;
        Ok(())
    }

    pub(super) fn oldest_at(&self) -> rusqlite::Result<Option<UtcMicros>> {
        self.connection
            .prepare_cached("SELECT at FROM events WHERE seq > ?1 ORDER BY seq LIMIT 1")?
            .query_row([self.mark.acknowledged.0.cast_signed()], |row| row.get(0).map(UtcMicros))
            .optional()
    }

    /// Bytes in use, in the file: what deletes have freed is used again before the file grows.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        let number = |sql| self.connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0));
        let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
        Ok(pages * number("PRAGMA page_size")?)
    }

    /// Moves the mark. Rows at or below it no longer count; [`Log::delete_acknowledged`] removes them.
    pub(super) fn acknowledge(&mut self, through: Seq, hash: ChainHash) -> rusqlite::Result<()> {
        let range = [self.mark.acknowledged.0.cast_signed(), through.0.cast_signed()];
        let places = if self.mark.places == 0 { 0 } else { count_places(&self.connection, range)? };
        self.forgetting(|log| {
            let mut update = log.connection.prepare_cached("UPDATE meta SET acknowledged = ?1, hash = ?2")?;
            update.execute(params![through.0.cast_signed(), hash.0])
        })?;
        self.mark.acknowledged = through;
        self.mark.hash = hash;
        self.mark.places -= places.min(self.mark.places);
        Ok(())
    }

    /// Takes measurements that `drops` chooses out of a chunk of the events in `after + 1 ..= limit`; their places stay.
    /// Answers what was lost by it, and where to go on.
    pub(super) fn drop_measurements(
        &mut self,
        after: Seq,
        limit: Seq,
        mut drops: impl FnMut(&RawEvent) -> bool,
    ) -> rusqlite::Result<(Loss, Option<Seq>)> {
        let through = after.plus(CHUNK_ROWS).min(limit);
        if through <= after {
            return Ok((Loss::default(), None));
        }
        let mut chosen = Vec::new();
        let mut lost = Loss::default();
        {
            let mut select = self.connection.prepare_cached(
                "SELECT seq, at, clock, boot, monotonic_us, origin, kind, version, body FROM events
                 WHERE seq > ?1 AND seq <= ?2 AND kind = ?3 ORDER BY seq",
            )?;
            let mut rows = select.query(params![after.0.cast_signed(), through.0.cast_signed(), MEASUREMENT.0])?;
            while let Some(row) = rows.next()? {
                let (seq, event) = event_of(row)?;
                if drops(&event) {
                    lost = lost.and(Loss::of(event.at));
                    let place = RawEvent { kind: EventKind::Dropped.tag(), body: Vec::new(), ..event };
                    chosen.push((seq.0, place));
                }
            }
        }
        if !chosen.is_empty() {
            self.replace_by_places(&chosen, lost)?;
        }
        Ok((lost, (through < limit).then_some(through)))
    }

    /// Deletes and inserts: a row that is updated to a shorter one leaves its page as empty as it becomes.
    fn replace_by_places(&mut self, places: &[(u64, RawEvent)], lost: Loss) -> rusqlite::Result<()> {
        let transaction = begin(&self.connection)?;
        {
            let mut delete = transaction.prepare_cached("DELETE FROM events WHERE seq = ?1")?;
            for (seq, _) in places {
                delete.execute([seq.cast_signed()])?;
            }
        }
        for (seq, place) in places {
            put_event(&transaction, *seq, place)?;
        }
        let mut mark = self.mark;
        mark.places += places.len() as u64;
        mark.dropped += lost.count;
        mark.loss = mark.loss.and(lost);
        put_loss(&transaction, &mark)?;
        transaction.commit()?;
        self.mark = mark;
        Ok(())
    }

    /// Gives a few free pages back to the file system, where many are free. Answers whether there are more to give.
    pub(super) fn shrink(&self) -> rusqlite::Result<bool> {
        let number = |sql| self.connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0));
        let (pages, free) = (number("PRAGMA page_count")?, number("PRAGMA freelist_count")?);
        if free < FREE_PAGES_KEPT || free < pages / 4 {
            return Ok(false);
        }
        let mut statement = self.connection.prepare_cached("PRAGMA incremental_vacuum(256)")?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(true)
    }

    /// Folds in what can be without waiting, so that the next commit writes over the write-ahead log where it is long
    /// already. Failing leaves all as it was.
    pub(super) fn reuse_write_ahead_log(&self) {
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::debug!(error = &error as &dyn std::error::Error, "no checkpoint");
        }
    }

    #[cfg(test)]
    pub(super) fn forget_loss(&mut self) {
        self.mark.loss = Loss::default();
        self.connection.execute_batch("UPDATE meta SET loss_count = 0").unwrap();
    }

    /// Folds the whole write-ahead log into the file and empties it, with both synced.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<()> {
        let busy: bool = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, Some("a reader holds up the checkpoint".to_owned())));
        }
        Ok(())
    }

    /// Removes a chunk of what is acknowledged; answers whether there may be more.
    pub(super) fn delete_acknowledged(&mut self) -> rusqlite::Result<bool> {
        let oldest = self
            .connection
            .prepare_cached("SELECT seq FROM events ORDER BY seq LIMIT 1")?
            .query_row([], |row| unsigned(row, 0))
            .optional()?;
        let Some(oldest) = oldest else { return Ok(false) };
        let through = self.mark.acknowledged.0.min(oldest + CHUNK_ROWS - 1);
        self.forgetting(|log| {
            let mut delete = log.connection.prepare_cached("DELETE FROM events WHERE seq <= ?1")?;
            delete.execute([through.cast_signed()])
        })?;
        Ok(through < self.mark.acknowledged.0)
    }

    pub(super) fn begin_epoch(&mut self, epoch: Epoch) -> rusqlite::Result<()> {
        self.connection.prepare_cached("UPDATE meta SET epoch = ?1")?.execute([epoch.0])?;
        self.mark.epoch = epoch;
        Ok(())
    }

    /// Makes the log another agent's, if it is not that one's already: its numbering begins anew, with what waits.
    pub(super) fn belong_to(&mut self, agent: &[u8]) -> rusqlite::Result<bool> {
        let transaction = begin(&self.connection)?;
        let owner: Option<Vec<u8>> = transaction
            .query_row("SELECT state FROM states WHERE key = ?1", [OWNER_KEY], |row| row.get(0))
            .optional()?;
        let another = owner.as_ref().is_some_and(|owner| owner != agent);
        if owner.as_deref() == Some(agent) {
            return Ok(false);
        }
        if another {
            let acknowledged = self.mark.acknowledged.0.cast_signed();
            transaction.execute("DELETE FROM events WHERE seq <= ?1", [acknowledged])?;
            // By way of negative numbers, so that no two rows ever have the same.
            transaction.execute("UPDATE events SET seq = ?1 - seq", [acknowledged])?;
            transaction.execute("UPDATE events SET seq = -seq", [])?;
            transaction.execute("UPDATE meta SET epoch = 1, acknowledged = 0, hash = zeroblob(16)", [])?;
        }
        transaction.execute("INSERT OR REPLACE INTO states VALUES (?1, ?2)", params![OWNER_KEY, agent])?;
        transaction.commit()?;
        if another {
            let newest = Seq(self.mark.newest.0 - self.mark.acknowledged.0);
            let (epoch, acknowledged, hash) = (Epoch(1), Seq::NONE, ChainHash::START);
            self.mark = Mark { epoch, acknowledged, hash, newest, ..self.mark };
        }
        Ok(another)
    }

    /// Corrects a chunk of events in `after + 1 ..`; answers how many, and where to go on.
    pub(super) fn restamp(&mut self, after: Seq, boot: u32, offset_us: i64) -> rusqlite::Result<(u64, Option<Seq>)> {
        let through = after.plus(CHUNK_ROWS).min(self.mark.newest);
        let corrected = self
            .connection
            .prepare_cached(
                "UPDATE events SET at = at + ?1, clock = ?2 WHERE seq > ?3 AND seq <= ?4 AND boot = ?5 AND clock = ?6",
            )?
            .execute(params![
                offset_us,
                clock_code(ClockQuality::Restamped),
                after.0.cast_signed(),
                through.0.cast_signed(),
                boot,
                clock_code(ClockQuality::Wrong),
            ])?;
        Ok((corrected as u64, (through < self.mark.newest).then_some(through)))
    }

    pub(super) fn master_data(&self) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
        self.connection
            .prepare_cached("SELECT revision, json FROM master_data")?
            .query_row([], |row| Ok((unsigned(row, 0)?, row.get(1)?)))
            .optional()
    }

    pub(super) fn set_master_data(&self, revision: u64, json: &[u8]) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO master_data VALUES (1, ?1, ?2)")?
            .execute(params![revision.cast_signed(), json])?;
        Ok(())
    }
}

impl Origins {
    fn load(connection: &Connection) -> rusqlite::Result<Origins> {
        let mut statement = connection.prepare("SELECT id, kind, name FROM origins ORDER BY id")?;
        let all = statement.query_map([], origin_of)?.collect::<rusqlite::Result<Vec<Origin>>>()?;
        let mut origins = Origins::default();
        origins.add(all);
        Ok(origins)
    }

    fn add(&mut self, added: Vec<Origin>) {
        if added.is_empty() {
            return;
        }
        for origin in &added {
            self.ids.insert(OriginName { kind: origin.kind, name: origin.name.clone() }, origin.id);
        }
        self.all = self.all.iter().cloned().chain(added).collect();
    }
}

/// Numbers for origins, of which new ones count only once the transaction has committed.
struct OriginsInTransaction<'l> {
    known: &'l Origins,
    added: Vec<Origin>,
}

impl OriginsInTransaction<'_> {
    fn id(&mut self, transaction: &Transaction<'_>, name: &OriginName) -> rusqlite::Result<OriginId> {
        if let Some(id) = self.known.ids.get(name) {
            return Ok(*id);
        }
        if let Some(origin) = self.added.iter().find(|origin| origin.kind == name.kind && origin.name == name.name) {
            return Ok(origin.id);
        }
        let count = self.known.all.len() + self.added.len();
        if count >= ORIGINS_MAX {
            let text = format!("{} is one origin too many: a log knows at most {ORIGINS_MAX}", name.name);
            return Err(rusqlite::Error::ToSqlConversionFailure(text.into()));
        }
        let id = OriginId(u16::try_from(count + 1).unwrap_or(u16::MAX));
        transaction.prepare_cached("INSERT INTO origins VALUES (?1, ?2, ?3)")?.execute(params![
            id.0,
            origin_kind_code(name.kind),
            name.name.as_str()
        ])?;
        self.added.push(Origin { id, kind: name.kind, name: name.name.clone() });
        Ok(id)
    }
}

pub(super) fn begin(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

fn insert_events(
    transaction: &Transaction<'_>,
    origins: &mut OriginsInTransaction<'_>,
    mut newest: Seq,
    events: &[PreparedEvent],
) -> rusqlite::Result<Seq> {
    let mut insert = transaction.prepare_cached(INSERT_EVENT)?;
    // Events come in runs about the same machine.
    let mut last: Option<(&OriginName, OriginId)> = None;
    for event in events {
        let origin = match last {
            Some((name, id)) if *name == event.origin => id,
            _ => origins.id(transaction, &event.origin)?,
        };
        last = Some((&event.origin, origin));
        newest = newest.next();
        insert.execute(params![
            newest.0.cast_signed(),
            event.at.0,
            clock_code(event.clock),
            event.monotonic.boot,
            event.monotonic.us.cast_signed(),
            origin.0,
            event.kind.0,
            version::CURRENT.number(),
            event.body,
        ])?;
    }
    Ok(newest)
}

fn put_states(transaction: &Transaction<'_>, states: &[(String, Vec<u8>)]) -> rusqlite::Result<()> {
    if states.is_empty() {
        return Ok(());
    }
    let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO states VALUES (?1, ?2)")?;
    for (key, state) in states {
        put.execute(params![key, state])?;
    }
    Ok(())
}

fn put_receipts(transaction: &Transaction<'_>, receipts: &[Receipt], mut place: i64) -> rusqlite::Result<i64> {
    if receipts.is_empty() {
        return Ok(place);
    }
    let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO receipts VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for receipt in receipts {
        place += 1;
        put.execute(params![
            receipt.source.as_str(),
            receipt.key,
            receipt.serial.cast_signed(),
            receipt.digest,
            place
        ])?;
    }
    Ok(place)
}

fn read_mark(connection: &Connection) -> rusqlite::Result<Mark> {
    let newest = connection.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| unsigned(row, 0))?;
    let mut mark = connection.query_row(
        "SELECT epoch, acknowledged, hash, dropped, loss_count, loss_from, loss_to, starts, boot FROM meta",
        [],
        |row| {
            let acknowledged = Seq(unsigned(row, 1)?);
            Ok(Mark {
                epoch: Epoch(row.get(0)?),
                acknowledged,
                hash: ChainHash(row.get(2)?),
                newest: Seq(newest).max(acknowledged),
                places: 0,
                dropped: unsigned(row, 3)?,
                loss: Loss { count: unsigned(row, 4)?, from: UtcMicros(row.get(5)?), to: UtcMicros(row.get(6)?) },
                starts: row.get(7)?,
                boot: row.get(8)?,
            })
        },
    )?;
    mark.places = count_places(connection, [mark.acknowledged.0.cast_signed(), mark.newest.0.cast_signed()])?;
    Ok(mark)
}

fn count_places(connection: &Connection, range: [i64; 2]) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM events WHERE seq > ?1 AND seq <= ?2 AND kind = 0")?
        .query_row(range, |row| unsigned(row, 0))
}

fn put_loss(transaction: &Transaction<'_>, mark: &Mark) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE meta SET dropped = ?1, loss_count = ?2, loss_from = ?3, loss_to = ?4")?
        .execute(params![
            mark.dropped.cast_signed(),
            mark.loss.count.cast_signed(),
            mark.loss.from.0,
            mark.loss.to.0
        ])?;
    Ok(())
}

/// An event in its stored form, at its place.
pub(super) fn put_event(transaction: &Transaction<'_>, seq: u64, event: &RawEvent) -> rusqlite::Result<()> {
    transaction.prepare_cached(INSERT_EVENT)?.execute(params![
        seq.cast_signed(),
        event.at.0,
        clock_code(event.clock),
        event.monotonic.boot,
        event.monotonic.us.cast_signed(),
        event.origin.0,
        event.kind.0,
        version::CURRENT.number(),
        event.body,
    ])?;
    Ok(())
}

pub(super) fn put_origin(connection: &Connection, origin: &Origin) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO origins VALUES (?1, ?2, ?3)")?.execute(params![
        origin.id.0,
        origin_kind_code(origin.kind),
        origin.name.as_str()
    ])?;
    Ok(())
}

/// A row of `seq, at, clock, boot, monotonic_us, origin, kind, version, body`.
pub(super) fn event_of(row: &Row<'_>) -> rusqlite::Result<(Seq, RawEvent)> {
    let encoded: u16 = row.get(7)?;
    if encoded != version::CURRENT.number() {
        return Err(damaged(format!("an event is encoded in version {encoded}, which this program does not know")));
    }
    let event = RawEvent {
        at: UtcMicros(row.get(1)?),
        clock: clock_of(row.get(2)?)?,
        monotonic: Monotonic { boot: row.get(3)?, us: unsigned(row, 4)? },
        origin: OriginId(row.get(5)?),
        kind: KindTag(row.get(6)?),
        body: row.get(8)?,
    };
    Ok((Seq(unsigned(row, 0)?), event))
}

/// A row of `id, kind, name`.
pub(super) fn origin_of(row: &Row<'_>) -> rusqlite::Result<Origin> {
    let name: String = row.get(2)?;
    Ok(Origin {
        id: OriginId(row.get(0)?),
        kind: origin_kind_of(row.get(1)?)?,
        name: Name::new(&name).map_err(|error| damaged(format!("an origin: {error}")))?,
    })
}

/// SQLite's integers are signed; ours are stored as they are and never reach the sign.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| damaged(format!("{number} where a positive number belongs")))
}

/// What the file holds makes no sense: treated as SQLite's own finding that it is damaged.
pub(super) fn damaged(text: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(text))
}

fn clock_code(clock: ClockQuality) -> u8 {
    match clock {
        ClockQuality::Synchronized => 0,
        ClockQuality::Unverified => 1,
        ClockQuality::Wrong => 2,
        ClockQuality::Restamped => 3,
        ClockQuality::Source => 4,
    }
}

fn clock_of(code: u8) -> rusqlite::Result<ClockQuality> {
    Ok(match code {
        0 => ClockQuality::Synchronized,
        1 => ClockQuality::Unverified,
        2 => ClockQuality::Wrong,
        3 => ClockQuality::Restamped,
        4 => ClockQuality::Source,
        _ => return Err(damaged(format!("{code} is no quality of a clock"))),
    })
}

fn origin_kind_code(kind: OriginKind) -> u8 {
    match kind {
        OriginKind::Machine => 0,
        OriginKind::Station => 1,
        OriginKind::Agent => 2,
    }
}

fn origin_kind_of(code: u8) -> rusqlite::Result<OriginKind> {
    Ok(match code {
        0 => OriginKind::Machine,
        1 => OriginKind::Station,
        2 => OriginKind::Agent,
        _ => return Err(damaged(format!("{code} is no kind of an origin"))),
    })
}
