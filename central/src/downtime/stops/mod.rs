//! Stops as people look at them, reconstructed from everything that was said of them. Nothing here writes; the
//! reconstruction is pure.
//!
//! A stop that was detected has a beginning, mostly an end, and is cut into parts by splits; each part is a stop of its
//! own, with its own number, reason and notes. Where a split cuts counts, not which part it names: what a station said
//! while it was offline and what was said at central meanwhile come out as one.
//!
//! A reason that was given at central holds: whatever a station says after it is kept and told beside it, and does not
//! overrule what was corrected, signed and audited. Of several of one side, the last one by when it was given. A number
//! may come again after an agent began a new log: then a beginning tells the two apart.

pub mod store;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::web::span::Span;

/// Far more than the people of a plant leave unexplained in the time that anybody asks for.
const UNEXPLAINED_MAX: i64 = 50_000;

/// One thing that was said of a stop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Entry {
    pub at: DateTime<Utc>,
    #[serde(skip)]
    pub machine_id: i32,
    #[serde(skip)]
    pub agent_id: i32,
    /// Place in the agent's log; none of these two when it was said at central.
    pub epoch: Option<i32>,
    pub seq: Option<i64>,
    pub stop: i64,
    /// `began`, `ended`, `reason`, `note`, `split`.
    pub change: String,
    pub began_at: Option<DateTime<Utc>>,
    pub lasted_us: Option<i64>,
    pub state: Option<String>,
    pub detected_by: Option<String>,
    pub micro: Option<bool>,
    pub reason: Option<String>,
    pub reason_title: Option<String>,
    #[serde(skip)]
    pub planned: Option<bool>,
    pub note: Option<String>,
    pub split_from: Option<DateTime<Utc>>,
    pub new_stop: Option<i64>,
    pub operator: Option<String>,
    pub operator_name: Option<String>,
    /// Key of an entry that was made at central.
    pub entry: Option<Uuid>,
    /// Who said it at central, by what they log in with.
    pub entered_by: Option<String>,
    /// What that person is called.
    pub entered_by_name: Option<String>,
    /// Why it corrects what was said before.
    pub why: Option<String>,
}

/// A stop, or a part of one that was split.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Stop {
    #[serde(skip)]
    pub machine_id: i32,
    /// With `stop`, what it is called on its machine.
    pub agent_id: i32,
    /// Above zero as its agent numbered it, below zero when it was split off at central.
    pub stop: i64,
    /// The stop that it is a part of, itself when it was never split off.
    pub root: i64,
    /// When that stop began.
    pub root_began_at: DateTime<Utc>,
    pub began_at: DateTime<Utc>,
    /// None while it goes on.
    pub ended_at: Option<DateTime<Utc>>,
    /// As measured; of one that goes on, up to where there is evidence. None when that is not known.
    pub lasted_us: Option<i64>,
    /// Shorter than its machine's threshold: no reason is asked for. None while it goes on.
    pub micro: Option<bool>,
    pub state: Option<String>,
    /// `state`: the machine said so. `missing_counts`: no piece came for too long.
    pub detected_by: Option<String>,
    /// What holds: the last one that was given at central, else the last one of the station or the machine.
    pub reason: Option<Reason>,
    /// Another one, that the station or the machine gave after that of central; it is kept and does not hold.
    pub said_since: Option<Reason>,
    /// No reason, and it is no microstop.
    pub unexplained: bool,
    pub notes: Vec<Note>,
    /// Everything that was said of the whole stop, in order; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<Entry>>,
}

/// Who says what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Saying {
    pub at: DateTime<Utc>,
    /// Number of the operator, when it was said at a station; none when the machine said it.
    pub operator: Option<String>,
    pub operator_name: Option<String>,
    /// Who said it at central, by what they log in with.
    pub entered_by: Option<String>,
    /// What that person is called.
    pub entered_by_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
// Master data has reasons too, and a schema has one name.
#[schema(as = StopReason)]
pub struct Reason {
    pub code: String,
    pub title: Option<String>,
    /// Whether master data has it as planned; none for a code that it does not know.
    pub planned: Option<bool>,
    /// Why it replaced the reason before.
    pub why: Option<String>,
    #[serde(flatten)]
    pub said: Saying,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Note {
    pub text: String,
    #[serde(flatten)]
    pub said: Saying,
}

impl Stop {
    /// Whether any of it lies within the span.
    #[must_use]
    pub fn overlaps(&self, span: Span) -> bool {
        let ended_before = self.ended_at.is_some_and(|ended_at| ended_at <= span.from && self.began_at < span.from);
        self.began_at < span.to && !ended_before
    }
}

/// How many stops of each machine overlap the span and are unexplained: as many as the list of stops shows. Machines
/// without one are left out. At most [`UNEXPLAINED_MAX`] are looked through, the newest.
pub async fn unexplained(
    connection: &mut PgConnection,
    machines: &[i32],
    span: Span,
) -> sqlx::Result<HashMap<i32, i64>> {
    let mut candidates = store::began_within(&mut *connection, machines, span, true, None, UNEXPLAINED_MAX).await?;
    candidates.extend(store::going_on_at(&mut *connection, machines, span.from).await?);
    candidates.sort_unstable();
    candidates.dedup_by_key(|it| (it.machine_id, it.agent_id, it.stop));
    let mut counts = HashMap::new();
    for stop in stops(&store::entries(connection, &candidates).await?, |_, _| None) {
        if stop.unexplained && stop.overlaps(span) {
            *counts.entry(stop.machine_id).or_default() += 1;
        }
    }
    Ok(counts)
}

/// A stop as it was detected, with all that was said of it and its parts.
#[derive(Debug, Default)]
struct Root<'e> {
    number: i64,
    began: Option<&'e Entry>,
    ended: Option<&'e Entry>,
    splits: Vec<&'e Entry>,
    said: Vec<&'e Entry>,
}

/// All stops that entries speak of, newest first. `until` says of a machine and an agent up to when there is evidence.
#[must_use]
pub fn stops(entries: &[Entry], until: impl Fn(i32, i32) -> Option<DateTime<Utc>>) -> Vec<Stop> {
    let mut logs: BTreeMap<(i32, i32), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        logs.entry((entry.machine_id, entry.agent_id)).or_default().push(entry);
    }
    let mut stops = Vec::new();
    for ((machine, agent), entries) in logs {
        for root in roots(entries) {
            root.parts(until(machine, agent), &mut stops);
        }
    }
    stops.sort_by_key(|stop| std::cmp::Reverse((stop.began_at, stop.machine_id, stop.agent_id, stop.stop)));
    stops
}

/// The stops of one agent's log at one machine.
fn roots(mut entries: Vec<&Entry>) -> Vec<Root<'_>> {
    // An agent's in the order of its log. Of central's, splits first and in the order of their numbers, which only fall:
    // what names a part comes after the split that made it.
    entries.sort_by_key(|entry| {
        let split = entry.change == "split";
        let central = entry.seq.is_none().then(|| (!split, -entry.new_stop.unwrap_or(0).min(0), entry.at, entry.entry));
        (central, entry.epoch, entry.seq)
    });
    entries.dedup_by(|a, b| (a.epoch, a.seq, a.entry) == (b.epoch, b.seq, b.entry));
    let mut roots: Vec<Root<'_>> = Vec::new();
    // Every root that a number ever was of, the last one last.
    let mut owners: HashMap<i64, Vec<usize>> = HashMap::new();
    for entry in entries {
        let known = owners.get(&entry.stop);
        let known = match entry.began_at.filter(|_| entry.seq.is_none()) {
            // Central says which one it means; one that is not known any more is the last.
            Some(began_at) => known.and_then(|known| {
                known.iter().rev().find(|index| roots[**index].began_at() == Some(began_at)).or(known.last())
            }),
            None => known.and_then(|known| known.last()),
        };
        let again = |root: &Root<'_>| match entry.change.as_str() {
            "began" => true,
            "ended" => root.ended.is_some(),
            _ => false,
        };
        let index = known.copied().filter(|index| !again(&roots[*index])).unwrap_or_else(|| {
            roots.push(Root { number: entry.stop, ..Root::default() });
            owners.entry(entry.stop).or_default().push(roots.len() - 1);
            roots.len() - 1
        });
        let root = &mut roots[index];
        root.said.push(entry);
        match entry.change.as_str() {
            "began" => root.began = Some(entry),
            "ended" => root.ended = Some(entry),
            "split" => {
                if let Some(new_stop) = entry.new_stop {
                    root.splits.push(entry);
                    owners.entry(new_stop).or_default().push(index);
                }
            }
            _ => {}
        }
    }
    for root in &mut roots {
        // By when it was said, wherever; of one moment, central's after the agents'.
        root.said.sort_by_key(|entry| (entry.at, entry.seq.is_none(), entry.epoch, entry.seq));
    }
    roots
}

impl Root<'_> {
    /// None when neither its beginning nor its end is known.
    fn began_at(&self) -> Option<DateTime<Utc>> {
        self.began.map(|entry| entry.at).or_else(|| self.ended.and_then(|entry| entry.began_at))
    }

    /// Cuts it where it was split. What the parts lasted adds up to what the whole lasted.
    fn parts(&self, until: Option<DateTime<Utc>>, stops: &mut Vec<Stop>) {
        let first_said = self.said.first().map(|entry| entry.began_at.unwrap_or(entry.at));
        let Some(began_at) = self.began_at().or(first_said) else { return };
        let ended_at = self.ended.map(|entry| entry.at.max(began_at));
        let evidence_us = until.map(|until| microseconds(began_at, until).max(0));
        let lasted_us = match self.ended {
            Some(entry) => Some(entry.lasted_us.unwrap_or_else(|| microseconds(began_at, entry.at)).max(0)),
            None => evidence_us,
        };
        // An agent may end the part that goes on, and not the whole.
        let lasted_us = match self.ended {
            Some(entry) if entry.stop != self.number => {
                let before = entry.began_at.map_or(0, |from| microseconds(began_at, from).max(0));
                lasted_us.map(|lasted_us| before.saturating_add(lasted_us))
            }
            _ => lasted_us,
        };
        let inside = |from: DateTime<Utc>| microseconds(began_at, from).clamp(0, lasted_us.unwrap_or(i64::MAX));
        let mut cuts: Vec<(i64, i64)> = vec![(0, self.number)];
        cuts.extend(self.splits.iter().filter_map(|split| Some((inside(split.split_from?), split.new_stop?))));
        cuts[1..].sort_by_key(|cut| cut.0);
        let moment = |offset_us: i64| {
            let at = began_at + Duration::microseconds(offset_us);
            ended_at.map_or(at, |ended_at| at.min(ended_at))
        };
        for (index, (offset, number)) in cuts.iter().enumerate() {
            let next = cuts.get(index + 1).map(|cut| cut.0);
            let lasted_us = next.or(lasted_us).map(|end| end - offset);
            stops.push(self.part(*number, (began_at, moment(*offset)), next.map(moment).or(ended_at), lasted_us));
        }
    }

    fn part(
        &self,
        number: i64,
        (root_began_at, began_at): (DateTime<Utc>, DateTime<Utc>),
        ended_at: Option<DateTime<Utc>>,
        lasted_us: Option<i64>,
    ) -> Stop {
        let what = self.ended.or(self.began);
        let of_part = || self.said.iter().filter(|entry| entry.stop == number);
        let last = |is_of_central: bool| {
            of_part().rfind(|entry| entry.reason.is_some() && entry.seq.is_none() == is_of_central).copied()
        };
        let (of_central, of_agent) = (last(true), last(false));
        let contradicts = |it: &&Entry| of_central.is_some_and(|held| it.at > held.at && it.reason != held.reason);
        let said_since = of_agent.filter(contradicts).and_then(reason_of);
        let reason = of_central.or(of_agent).and_then(reason_of);
        let micro = self.ended.and_then(|entry| entry.micro);
        Stop {
            machine_id: self.said.first().map_or(0, |entry| entry.machine_id),
            agent_id: self.said.first().map_or(0, |entry| entry.agent_id),
            stop: number,
            root: self.number,
            root_began_at,
            began_at,
            ended_at,
            lasted_us,
            micro,
            state: what.and_then(|entry| entry.state.clone()),
            detected_by: what.and_then(|entry| entry.detected_by.clone()),
            unexplained: reason.is_none() && micro != Some(true),
            reason,
            said_since,
            notes: of_part().filter_map(|entry| note(entry)).collect(),
            history: Some(self.said.iter().map(|entry| (*entry).clone()).collect()),
        }
    }
}

fn microseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_microseconds().unwrap_or(i64::MAX)
}

fn saying(entry: &Entry) -> Saying {
    Saying {
        at: entry.at,
        operator: entry.operator.clone(),
        operator_name: entry.operator_name.clone(),
        entered_by: entry.entered_by.clone(),
        entered_by_name: entry.entered_by_name.clone(),
    }
}

fn reason_of(entry: &Entry) -> Option<Reason> {
    Some(Reason {
        code: entry.reason.clone()?,
        title: entry.reason_title.clone(),
        planned: entry.planned,
        why: entry.why.clone(),
        said: saying(entry),
    })
}

fn note(entry: &Entry) -> Option<Note> {
    Some(Note { text: entry.note.clone()?, said: saying(entry) })
}

#[cfg(test)]
mod tests;
