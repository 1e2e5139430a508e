//! The owner of one connection: asks its devices in turn, submits what they say, tells how they are.
//!
//! All readings of one cycle go into one submission. It is queued and not waited for: a machine's counter is a running
//! total, so a reading lost with the process is made good by the next one, while a full queue (the disk refuses) holds
//! polling back.
//!
//! Between two polls at most one output is written, so that a failing one costs the other devices one timeout. Only a device
//! that answers is written; one that nothing is read of is tried in its turn with its first output. When the agent stops,
//! nothing is written: what a lamp then shows is for its module's own watchdog to decide.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use protocol::batch::Health;
use tokio::time::{Instant, sleep, sleep_until};

use super::configuration::ModbusSection;
use super::device::{Device, Planned};
use super::frame::{Request, Write, is_gateway_silence};
use super::link::{Endpoint, Link, RequestError, Timing};
use super::schedule::{Next, Schedule};
use crate::capture::Stopping;
use crate::reading::Item;
use crate::signals::LiveView;
use crate::sources::SourceContext;

/// Pauses before a request that the device was too busy for is sent again.
const BUSY_PAUSES_MS: [u64; 3] = [50, 100, 200];
/// How often the machines' states are looked at where they are written.
const LOOK_MS: u64 = 250;

/// Polls until the agent stops, and writes what follows from the machines' states in `live`. Nothing that the outside world
/// does ends it.
pub async fn run(section: ModbusSection, context: SourceContext, live: LiveView) -> anyhow::Result<()> {
    let mut owner = Owner::new(&section, &context, live);
    tokio::select! {
        biased;
        () = context.stopping.cancelled() => {}
        Stopping = owner.poll() => context.stopping.cancelled().await,
    }
    for device in &owner.devices {
        device.status.remove();
    }
    Ok(())
}

struct Owner<'c> {
    context: &'c SourceContext,
    live: LiveView,
    link: Link,
    devices: Vec<Device>,
    cycles: Vec<OwnedCycle>,
    schedule: Schedule,
    clock: Timeline,
    items: Vec<Item>,
    connects_seen: u64,
    /// When the machines' states are looked at again; None where nothing is written.
    look_ms: Option<u64>,
    /// What the source's condition was made from: whether it is connected, and how many devices are silent.
    told: Option<(bool, usize)>,
}

struct OwnedCycle {
    device: usize,
    interval_ms: u32,
    blocks: Vec<Planned>,
}

/// The computer's monotonic clock in milliseconds, on the runtime's timer.
#[derive(Debug, Clone, Copy)]
struct Timeline {
    started: Instant,
    offset_us: u64,
}

impl Timeline {
    fn now_ms(self) -> u64 {
        let elapsed_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.offset_us.saturating_add(elapsed_us) / 1_000
    }

    fn instant(self, at_ms: u64) -> Instant {
        const LONG_MS: u64 = 86_400_000;
        let at_ms = at_ms.min(self.now_ms() + LONG_MS);
        self.started + Duration::from_micros((at_ms * 1_000).saturating_sub(self.offset_us))
    }
}

impl<'c> Owner<'c> {
    fn new(section: &ModbusSection, context: &'c SourceContext, live: LiveView) -> Owner<'c> {
        let now = context.clock.now();
        let clock = Timeline { started: Instant::now(), offset_us: now.monotonic.us };
        let devices: Vec<Device> = section
            .devices
            .iter()
            .map(|device| Device::new(device, section, context.status.device(&device.name)))
            .collect();
        let cycles: Vec<OwnedCycle> = devices
            .iter()
            .enumerate()
            .flat_map(|(device, known)| known.plan().into_iter().map(move |cycle| (device, cycle)))
            .map(|(device, cycle)| OwnedCycle {
                device,
                interval_ms: cycle.interval_ms,
                blocks: cycle.blocks.into_iter().map(Planned::new).collect(),
            })
            .collect();
        let turns: Vec<(usize, u32)> = cycles.iter().map(|cycle| (cycle.device, cycle.interval_ms)).collect();
        let mut seed = DefaultHasher::new();
        (section.name.as_str(), now.wall.0, now.monotonic.us).hash(&mut seed);
        Owner {
            context,
            live,
            look_ms: devices.iter().any(|device| !device.outputs.is_empty()).then_some(0),
            link: Link::new(Endpoint::of(section), Timing::of(section)),
            devices,
            cycles,
            schedule: Schedule::new(&turns, section.silent_pause_max_ms, clock.now_ms(), seed.finish()),
            clock,
            items: Vec::new(),
            connects_seen: 0,
            told: None,
        }
    }

    /// Ends only with the capture.
    async fn poll(&mut self) -> Stopping {
        loop {
            self.look();
            let has_written = match self.due_output() {
                Some((device, output, value)) => {
                    let outcome = self.write(device, output, value).await;
                    self.conclude_write(device, outcome);
                    true
                }
                None => false,
            };
            match self.schedule.next(self.clock.now_ms()) {
                Next::Wait { .. } if has_written => {}
                Next::Wait { until_ms } => {
                    let until_ms = until_ms.min(self.look_ms.unwrap_or(u64::MAX));
                    sleep_until(self.clock.instant(until_ms)).await;
                }
                Next::Poll(cycle) if self.knows_no_state(cycle) => {
                    self.schedule.postpone(cycle, self.clock.now_ms() + LOOK_MS);
                }
                Next::Poll(cycle) => {
                    let outcome = self.take_turn(cycle).await;
                    if let Err(stopping) = self.submit().await {
                        return stopping;
                    }
                    self.conclude(cycle, outcome);
                }
            }
        }
    }

    /// What the machines are doing, for the outputs.
    fn look(&mut self) {
        let now_ms = self.clock.now_ms();
        if self.look_ms.is_some_and(|look_ms| look_ms <= now_ms) {
            self.look_ms = Some(now_ms + LOOK_MS);
            for output in self.devices.iter_mut().flat_map(|device| &mut device.outputs) {
                output.follow(self.live.state(&output.machine));
            }
        }
    }

    /// The most urgent write to a device that answers: device, output, value.
    fn due_output(&self) -> Option<(usize, usize, u16)> {
        self.look_ms?;
        let now_ms = self.clock.now_ms();
        let answering = self.devices.iter().enumerate().filter(|(_, device)| device.answers());
        let due = answering.flat_map(|(device, known)| {
            let outputs = known.outputs.iter().enumerate();
            outputs.filter_map(move |(at, output)| Some((output.due(now_ms)?, device, at, output.value()?)))
        });
        due.min().map(|(_, device, output, value)| (device, output, value))
    }

    /// Whether this is the turn of a device that is only written, and there is nothing to say yet.
    fn knows_no_state(&self, cycle: usize) -> bool {
        let device = &self.devices[self.cycles[cycle].device];
        device.is_only_written() && device.first_value().is_none()
    }

    async fn take_turn(&mut self, cycle: usize) -> Result<(), RequestError> {
        let device = self.cycles[cycle].device;
        match self.devices[device].first_value() {
            Some((output, value)) if self.devices[device].is_only_written() => self.write(device, output, value).await,
            _ => self.read(cycle).await,
        }
    }

    /// Writes one output. An error means that the device, or the connection, gives nothing.
    async fn write(&mut self, device: usize, output: usize, value: u16) -> Result<(), RequestError> {
        let (unit, to) = (self.devices[device].unit, &self.devices[device].outputs[output]);
        let outcome = self.link.write(Write { unit, start: to.start, values: to.values(&value) }).await;
        self.follow_reconnects();
        let now_ms = self.clock.now_ms();
        let known = &mut self.devices[device];
        match outcome {
            Ok(()) => {
                known.status.count("writes", 1);
                known.confirmed(output, value, now_ms);
                Ok(())
            }
            Err(error) => {
                known.not_written(output, &error, now_ms);
                match error {
                    RequestError::Exception(code) if !is_gateway_silence(code) => {
                        known.status.count("exceptions", 1);
                        Ok(())
                    }
                    error => Err(error),
                }
            }
        }
    }

    /// Draws the conclusions from a write between two polls. Whether a device that is also read is silent, reading tells.
    fn conclude_write(&mut self, device: usize, outcome: Result<(), RequestError>) {
        match outcome {
            Err(error) if self.devices[device].is_only_written() || matches!(error, RequestError::Connect { .. }) => {
                if let Some(cycle) = self.cycles.iter().position(|cycle| cycle.device == device) {
                    self.conclude(cycle, Err(error));
                }
            }
            outcome => {
                let known = &mut self.devices[device];
                if let Err(error) = outcome {
                    known.status.count(counter_of(&error), 1);
                }
                let of_device = self.cycles.iter().filter(|cycle| cycle.device == device);
                known.answered(of_device.flat_map(|cycle| &cycle.blocks));
            }
        }
    }

    async fn submit(&mut self) -> Result<(), Stopping> {
        if self.items.is_empty() {
            return Ok(());
        }
        let items = std::mem::take(&mut self.items);
        // The receiver is let go: nobody waits for this commit.
        self.context.capture.queue(items, None).await.map(drop)
    }

    /// Asks for every block of a cycle. An error means that the device, or the connection, gives nothing.
    async fn read(&mut self, cycle: usize) -> Result<(), RequestError> {
        let mut at = 0;
        while let Some(planned) = self.cycles[cycle].blocks.get(at) {
            if planned.is_aside(self.clock.now_ms()) {
                at += 1;
                continue;
            }
            let answer = self.ask(cycle, at).await;
            let now_ms = self.clock.now_ms();
            let OwnedCycle { device, blocks, .. } = &mut self.cycles[cycle];
            let (device, planned) = (&mut self.devices[*device], &mut blocks[at]);
            match answer {
                Ok(range) => {
                    device.take(planned, self.link.data(range), self.context.clock.now(), now_ms, &mut self.items);
                    at += 1;
                }
                Err(RequestError::Exception(code)) if !is_gateway_silence(code) => {
                    device.status.count("exceptions", 1);
                    match device.refuse(planned, code, now_ms) {
                        Some(parts) => drop(blocks.splice(at..=at, parts.into_iter().map(Planned::new))),
                        None => at += 1,
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn ask(&mut self, cycle: usize, at: usize) -> Result<std::ops::Range<usize>, RequestError> {
        let OwnedCycle { device, blocks, .. } = &self.cycles[cycle];
        let block = &blocks[at].block;
        let request =
            Request { unit: self.devices[*device].unit, kind: block.kind, start: block.start, count: block.count };
        for pause_ms in BUSY_PAUSES_MS {
            match self.link.read(request).await {
                Err(RequestError::Exception(5 | 6)) => sleep(Duration::from_millis(pause_ms)).await,
                outcome => return outcome,
            }
        }
        self.link.read(request).await
    }

    /// Draws the conclusions from a cycle: when is it due again, how are the device and the connection.
    fn conclude(&mut self, cycle: usize, outcome: Result<(), RequestError>) {
        let now_ms = self.clock.now_ms();
        self.follow_reconnects();
        let device = self.cycles[cycle].device;
        match outcome {
            Ok(()) => {
                let missed = self.schedule.answered(cycle, now_ms);
                let known = &mut self.devices[device];
                known.status.count("polls", 1);
                if missed > 0 {
                    known.status.count("polls_missed", missed);
                }
                let of_device = self.cycles.iter().filter(|cycle| cycle.device == device);
                if known.answered(of_device.flat_map(|cycle| &cycle.blocks)) {
                    // What it refused before may have been a device that was still starting.
                    self.plan_anew(device);
                }
                self.tell(true, "");
            }
            Err(error @ RequestError::Connect { .. }) => {
                self.schedule.unreachable(now_ms);
                for device in &mut self.devices {
                    device.silent(device.silence_text(&error));
                }
                self.context.status.count("connect_failures", 1);
                self.tell(false, &error.to_string());
            }
            Err(error) => {
                self.schedule.silent(cycle, now_ms);
                let known = &mut self.devices[device];
                known.status.count(counter_of(&error), 1);
                known.silent(known.silence_text(&error));
                self.tell(true, "");
            }
        }
    }

    /// Counts them; what the devices hold is not known any more.
    fn follow_reconnects(&mut self) {
        let connects = self.link.connects();
        if connects != self.connects_seen {
            let reconnects = connects - self.connects_seen.max(1);
            self.connects_seen = connects;
            self.context.status.count("reconnects", reconnects);
            for output in self.devices.iter_mut().flat_map(|device| &mut device.outputs) {
                output.forget();
            }
        }
    }

    fn plan_anew(&mut self, device: usize) {
        let mut planned = self.devices[device].plan().into_iter();
        for cycle in self.cycles.iter_mut().filter(|cycle| cycle.device == device) {
            if let Some(fresh) = planned.next() {
                cycle.blocks = fresh.blocks.into_iter().map(Planned::new).collect();
            }
        }
    }

    /// Says how the connection is, if that changed.
    fn tell(&mut self, is_connected: bool, failure: &str) {
        let silent = self.devices.iter().filter(|device| device.is_silent()).count();
        if self.told.replace((is_connected, silent)) == Some((is_connected, silent)) {
            return;
        }
        let all = self.devices.len();
        match (is_connected, silent) {
            (false, _) => self.context.status.set(Health::Down, failure),
            (true, 0) => self.context.status.set(Health::Good, format!("all devices answer ({all})")),
            (true, silent) if silent == all => self.context.status.set(Health::Down, "no device answers"),
            (true, silent) => {
                self.context.status.set(Health::Degraded, format!("{silent} of {all} devices do not answer"));
            }
        }
    }
}

fn counter_of(error: &RequestError) -> &'static str {
    match error {
        RequestError::Timeout(_) => "timeouts",
        RequestError::Exception(_) => "exceptions",
        RequestError::Invalid(_) => "invalid_replies",
        RequestError::Closed(_) | RequestError::Connect { .. } => "connections_lost",
    }
}
