//! What the agent knows of one device: its points, what it refuses, what was last submitted, and how to say all that to a
//! technician.

use process::clock::Moment;
use protocol::batch::Health;
use protocol::id::Name;

use super::change::{ALIVE_MS, LastSubmitted};
use super::configuration::{DeviceSection, ModbusSection, Point};
use super::frame::{exception_name, is_gateway_silence};
use super::link::RequestError;
use super::output::Output;
use super::plan::{self, Block, Cycle, Extent, Limits};
use crate::reading::{Item, Nature, Reading, Value};
use crate::status::Subject;

/// A block that the device refuses for good is asked for again only this often.
const REFUSED_PAUSE_MS: u64 = 60_000;
/// Signals named in a condition before the rest is only counted.
const SIGNALS_NAMED_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Device {
    pub(super) unit: u8,
    pub(super) status: Subject,
    address_base: u16,
    place: String,
    limits: Limits,
    repeat_ms: u64,
    points: Vec<Tracked>,
    extents: Vec<Extent>,
    machines: Vec<Machine>,
    pub(super) outputs: Vec<Output>,
    standing: Standing,
    /// Something that the condition speaks of has changed.
    changed: bool,
}

#[derive(Debug)]
struct Tracked {
    point: Point,
    /// Index into the device's machines.
    machine: usize,
    last: LastSubmitted,
    /// The device gives a value that the agent cannot hold.
    beyond: bool,
}

#[derive(Debug)]
struct Machine {
    name: Name,
    submitted_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Answers,
    Silent,
}

/// A block and the last refusal of it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) block: Block,
    refusal: Option<Refusal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal {
    code: u8,
    aside_until_ms: u64,
}

impl Planned {
    pub(super) fn new(block: Block) -> Planned {
        Planned { block, refusal: None }
    }

    pub(super) fn is_aside(&self, now_ms: u64) -> bool {
        self.refusal.is_some_and(|refusal| now_ms < refusal.aside_until_ms)
    }
}

impl Device {
    pub(super) fn new(section: &DeviceSection, connection: &ModbusSection, status: Subject) -> Device {
        let mut machines: Vec<Machine> = Vec::new();
        let mut points = Vec::new();
        for point in section.points(connection) {
            let known = machines.iter().position(|machine| machine.name == point.machine);
            let machine = known.unwrap_or_else(|| {
                machines.push(Machine { name: point.machine.clone(), submitted_ms: 0 });
                machines.len() - 1
            });
            points.push(Tracked { point, machine, last: LastSubmitted::default(), beyond: false });
        }
        Device {
            unit: section.unit,
            status,
            address_base: u16::from(section.address_base),
            place: connection.place(),
            limits: section.limits(connection),
            repeat_ms: u64::from(connection.repeat_ms),
            extents: points.iter().map(|tracked: &Tracked| tracked.point.extent).collect(),
            points,
            machines,
            outputs: section.outputs(),
            standing: Standing::Unknown,
            changed: true,
        }
    }

    /// The requests as they follow from the configuration alone. A device that is only written has one turn without any,
    /// in which its first output is.
    pub(super) fn plan(&self) -> Vec<Cycle> {
        let shortest_ms = self.outputs.iter().map(|output| output.repeat_ms).min();
        match shortest_ms.and_then(|repeat_ms| u32::try_from(repeat_ms).ok()) {
            Some(interval_ms) if self.is_only_written() => vec![Cycle { interval_ms, blocks: Vec::new() }],
            _ => plan::plan(&self.extents, self.limits),
        }
    }

    pub(super) fn is_only_written(&self) -> bool {
        self.points.is_empty()
    }

    /// The first output of which is known what it should hold, and that.
    pub(super) fn first_value(&self) -> Option<(usize, u16)> {
        self.outputs.iter().enumerate().find_map(|(at, output)| Some((at, output.value()?)))
    }

    pub(super) fn is_silent(&self) -> bool {
        self.standing == Standing::Silent
    }

    pub(super) fn answers(&self) -> bool {
        self.standing == Standing::Answers
    }

    /// Decodes an answer and adds what is worth submitting to `items`.
    pub(super) fn take(
        &mut self,
        planned: &mut Planned,
        data: &[u8],
        taken: Moment,
        now_ms: u64,
        items: &mut Vec<Item>,
    ) {
        self.changed |= planned.refusal.take().is_some();
        for &index in &planned.block.points {
            let value = self.decode(index, &planned.block, data);
            let tracked = &mut self.points[index];
            let machine = &mut self.machines[tracked.machine];
            let keeps_alive = now_ms.saturating_sub(machine.submitted_ms) >= ALIVE_MS;
            if tracked.last.wants(&value, now_ms, self.repeat_ms) || keeps_alive {
                machine.submitted_ms = now_ms;
                if items.capacity() == 0 {
                    items.reserve_exact(planned.block.points.len());
                }
                items.push(Item::Reading(Reading {
                    machine: machine.name.clone(),
                    signal: tracked.point.signal.clone(),
                    value,
                    taken,
                    source_at: None,
                    nature: Nature::Live,
                }));
            }
        }
    }

    fn decode(&mut self, index: usize, block: &Block, data: &[u8]) -> Value {
        let tracked = &mut self.points[index];
        let value = value_in(&tracked.point, block, data);
        let is_beyond = value.is_err();
        if is_beyond != tracked.beyond {
            tracked.beyond = is_beyond;
            self.changed = true;
        }
        value.unwrap_or(Value::Unavailable)
    }

    /// The device answered a block with an exception. Smaller blocks to ask for, where that may help.
    pub(super) fn refuse(&mut self, planned: &mut Planned, code: u8, now_ms: u64) -> Option<Vec<Block>> {
        const ILLEGAL_DATA_ADDRESS: u8 = 2;
        if code == ILLEGAL_DATA_ADDRESS
            && let Some(parts) = self.split(&planned.block)
        {
            return Some(parts);
        }
        let is_lasting = matches!(code, 1..=3);
        let aside_until_ms = if is_lasting { now_ms + REFUSED_PAUSE_MS } else { now_ms };
        self.changed |= planned.refusal.is_none_or(|refusal| refusal.code != code);
        planned.refusal = Some(Refusal { code, aside_until_ms });
        None
    }

    /// A cycle came to its end: says how the device is, if that changed. Returns whether it was silent before.
    pub(super) fn answered<'p>(&mut self, all: impl Iterator<Item = &'p Planned> + Clone) -> bool {
        let was_silent = self.standing == Standing::Silent;
        if self.standing != Standing::Answers || self.changed {
            self.standing = Standing::Answers;
            self.changed = false;
            let (health, reason) = self.condition(all);
            self.status.set(health, reason);
        }
        was_silent
    }

    /// The device could not be read at all. Whatever it says next is news.
    pub(super) fn silent(&mut self, reason: String) {
        self.standing = Standing::Silent;
        self.changed = true;
        for tracked in &mut self.points {
            tracked.last.forget();
        }
        for output in &mut self.outputs {
            output.begin_anew();
        }
        self.status.set(Health::Down, reason);
    }

    fn condition<'p>(&self, all: impl Iterator<Item = &'p Planned> + Clone) -> (Health, String) {
        let refused: Vec<(&Block, u8)> =
            all.clone().filter_map(|planned| planned.refusal.map(|refusal| (&planned.block, refusal.code))).collect();
        if let Some((block, code)) = refused.first() {
            let more = match refused.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more requests are refused)"),
            };
            let health = if refused.len() == all.count() { Health::Down } else { Health::Degraded };
            return (health, format!("{}{more}", self.refusal_text(block, *code)));
        }
        let mut failures = self.outputs.iter().filter_map(Output::failure);
        if let Some(first) = failures.next() {
            let more = match failures.count() {
                0 => String::new(),
                more => format!(" (and {more} more writes fail)"),
            };
            return (Health::Degraded, format!("{first}{more}"));
        }
        if let Some(tracked) = self.points.iter().find(|tracked| tracked.beyond) {
            let (signal, unit) = (&tracked.point.signal, self.unit);
            let text =
                format!("unit {unit}: {signal} is larger than a signed 64-bit integer: check `type` and `order`");
            return (Health::Degraded, text);
        }
        (Health::Good, "answers".to_owned())
    }

    /// An output was written: the device holds what it should.
    pub(super) fn confirmed(&mut self, output: usize, value: u16, now_ms: u64) {
        self.changed |= self.outputs[output].confirmed(value, now_ms);
    }

    /// An output was refused, or was not confirmed. One that was not answered costs a whole timeout, so the device's other
    /// outputs wait as well.
    pub(super) fn not_written(&mut self, output: usize, error: &RequestError, now_ms: u64) {
        let failed = &mut self.outputs[output];
        let cause = match error {
            RequestError::Exception(code) => failed.refusal_text(*code),
            RequestError::Timeout(_) => format!("{error}: does it take writes, and for this function?"),
            error => error.to_string(),
        };
        let address = u32::from(failed.start) + u32::from(self.address_base);
        let (kind, machine) = (failed.kind.name(), &failed.machine);
        let is_busy = matches!(error, RequestError::Exception(5 | 6));
        let again =
            if is_busy { "at once".to_owned() } else { format!("every {} s", failed.repeat_ms.div_ceil(1_000)) };
        let text = format!(
            "unit {}: {kind} {address}, which shows the state of {machine}, was not written: {cause}; tried again \
             {again}",
            self.unit
        );
        self.changed |= failed.failed(text, is_busy, now_ms);
        let is_refusal = matches!(error, RequestError::Exception(code) if !is_gateway_silence(*code));
        if !is_refusal {
            for output in &mut self.outputs {
                output.wait(now_ms);
            }
        }
    }

    fn refusal_text(&self, block: &Block, code: u8) -> String {
        let (first, last) = self.addresses(block);
        let range = if first == last { format!("{first}") } else { format!("{first}–{last}") };
        let advice = match code {
            1 => "it does not know this function: check `kind`",
            2 => "it has no such registers: check `address`, `kind` and `address_base`",
            3 => "it does not give so many at once: lower max_registers or max_bits",
            4 => "it failed while reading: look at the device",
            5 | 6 => "it is busy: lengthen interval_ms or pause_between_requests_ms",
            _ => "look it up in the device's manual",
        };
        let mut signals: Vec<&str> =
            block.points.iter().take(SIGNALS_NAMED_MAX).map(|&index| &*self.points[index].point.signal).collect();
        if block.points.len() > SIGNALS_NAMED_MAX {
            signals.push("…");
        }
        format!(
            "unit {} answered exception {code} ({}) for {} {range} ({}): {advice}",
            self.unit,
            exception_name(code),
            block.kind.name(),
            signals.join(", ")
        )
    }

    /// First and last address of a block, as the configuration counts.
    fn addresses(&self, block: &Block) -> (u32, u32) {
        let first = u32::from(block.start) + u32::from(self.address_base);
        (first, first + u32::from(block.count) - 1)
    }

    /// What stands in the status of a device that gives nothing.
    pub(super) fn silence_text(&self, error: &RequestError) -> String {
        let (unit, place) = (self.unit, &self.place);
        match error {
            RequestError::Connect { .. } => error.to_string(),
            RequestError::Timeout(_) => format!("unit {unit} at {place}: {error}: check power, wiring and unit number"),
            RequestError::Exception(code) => format!(
                "unit {unit} does not answer: the gateway at {place} says exception {code} ({})",
                exception_name(*code)
            ),
            RequestError::Closed(_) | RequestError::Invalid(_) => format!("unit {unit} at {place}: {error}"),
        }
    }

    /// Smaller blocks to ask for where the device refused this one.
    pub(super) fn split(&self, block: &Block) -> Option<Vec<Block>> {
        block.split(&self.extents)
    }

    /// The points of a block, each with its address as the configuration counts.
    pub(super) fn points<'d>(&'d self, block: &'d Block) -> impl Iterator<Item = (&'d Point, u32)> + 'd {
        block.points.iter().map(|&index| {
            let point = &self.points[index].point;
            (point, u32::from(point.extent.address) + u32::from(self.address_base))
        })
    }
}

/// Decodes one point of a block's data.
pub(super) fn value_in(point: &Point, block: &Block, data: &[u8]) -> Result<Value, super::decode::Beyond> {
    let offset = usize::from(point.extent.address - block.start);
    if point.extent.kind.is_bits() {
        let byte = data.get(offset / 8).copied().unwrap_or_default();
        return Ok(Value::Bool((byte >> (offset % 8)) & 1 == 1));
    }
    let range = offset * 2..(offset + usize::from(point.extent.width)) * 2;
    point.decoding.registers_value(data.get(range).unwrap_or_default())
}
