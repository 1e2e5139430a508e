//! Work on work orders: one at a time at a machine.
//!
//! A job's good pieces are what the machine's own count grew by while it ran, whoever counted them. A work order that is
//! set aside and taken up again goes on from its pieces.

use protocol::event::{EventKind, JobAction, JobEntry};
use protocol::id::Name;
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};

use super::{AtMachine, Desk, Effect, Floor, LoggedOn, SET_ASIDE_MAX};
use crate::reading::OriginName;
use crate::station::api::{EntryKind, Refusal, RefusalCode};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::station) struct Job {
    pub(in crate::station) work_order: String,
    pub(in crate::station) since: UtcMicros,
    /// Good pieces before it was last started.
    before: i64,
    /// What the machine's count showed when it was last started; none while it is paused.
    base: Option<i64>,
}

impl Job {
    pub(in crate::station) fn is_paused(&self) -> bool {
        self.base.is_none()
    }

    /// Good pieces, where the machine's count shows `shown`.
    pub(in crate::station) fn good(&self, shown: i64) -> i64 {
        self.before.saturating_add(self.base.map_or(0, |base| shown.saturating_sub(base)))
    }
}

impl AtMachine {
    fn begin(&mut self, work_order: &str, at: UtcMicros, shown: i64) {
        if let Some(job) = self.job.take() {
            self.set_aside.push_back((job.work_order.clone(), job.good(shown)));
        }
        let known = self.set_aside.iter().position(|(other, _)| other == work_order);
        let before = known.and_then(|index| self.set_aside.remove(index)).map_or(0, |(_, good)| good);
        while self.set_aside.len() > SET_ASIDE_MAX {
            self.set_aside.pop_front();
        }
        self.job = Some(Job { work_order: work_order.to_owned(), since: at, before, base: Some(shown) });
    }
}

/// What a start does: the event to store, if there is anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Starting {
    Started,
    Switched,
    AlreadyRunning,
}

impl Desk {
    pub(super) fn change_job(
        &mut self,
        operator: &LoggedOn,
        machine: &Name,
        action: JobAction,
        work_order: &str,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        match action {
            JobAction::Start | JobAction::Switch => {
                self.start_job(operator, machine, work_order, floor).map(|(effect, _)| effect)
            }
            JobAction::Pause | JobAction::Finish => self.end_job(operator, machine, action, work_order, floor),
        }
    }

    pub(super) fn start_job(
        &mut self,
        operator: &LoggedOn,
        machine: &Name,
        work_order: &str,
        floor: &Floor<'_>,
    ) -> Result<(Effect, Starting), Refusal> {
        let shown = floor.machine(machine)?.live.good;
        let at_machine = self.at_machine(machine);
        let (starting, text) = match &at_machine.job {
            Some(job) if job.work_order == work_order && !job.is_paused() => {
                (Starting::AlreadyRunning, format!("{work_order} is running already"))
            }
            Some(job) if job.work_order == work_order => (Starting::Started, format!("{work_order} goes on")),
            Some(job) => (Starting::Switched, format!("Switched from {} to {work_order}", job.work_order)),
            None => (Starting::Started, format!("{work_order} started")),
        };
        let effect = Effect::new(EntryKind::Job, Some(operator), Some(machine), text);
        if starting == Starting::AlreadyRunning {
            return Ok((effect.already(), starting));
        }
        if let Some(job) = at_machine.job.as_mut().filter(|job| job.work_order == work_order) {
            job.base = Some(shown);
        } else {
            if !floor.master_data.work_orders.iter().any(|it| it.code == work_order) {
                let detail = "There is no such work order here. Check the code, or ask for it to be released.";
                return Err(RefusalCode::UnknownWorkOrder.because(detail));
            }
            at_machine.begin(work_order, floor.now.at, shown);
        }
        let action = if starting == Starting::Switched { JobAction::Switch } else { JobAction::Start };
        Ok((effect.with(OriginName::machine(machine.clone()), event(action, work_order, operator)), starting))
    }

    fn end_job(
        &mut self,
        operator: &LoggedOn,
        machine: &Name,
        action: JobAction,
        work_order: &str,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let shown = floor.machine(machine)?.live.good;
        let current = &mut self.at_machine(machine).job;
        let Some(job) = current.as_mut().filter(|job| job.work_order == work_order) else {
            let detail = format!("{work_order} is not running at {machine}. Look at what runs there, then try again.");
            return Err(RefusalCode::JobNotRunning.because(detail));
        };
        let is_finish = action == JobAction::Finish;
        let text = format!("{work_order} {}", if is_finish { "finished" } else { "paused" });
        let effect = Effect::new(EntryKind::Job, Some(operator), Some(machine), text);
        if !is_finish && job.is_paused() {
            return Ok(effect.already());
        }
        job.before = job.good(shown);
        job.base = None;
        if is_finish {
            *current = None;
        }
        Ok(effect.with(OriginName::machine(machine.clone()), event(action, work_order, operator)))
    }
}

fn event(action: JobAction, work_order: &str, operator: &LoggedOn) -> EventKind {
    EventKind::Job(JobEntry { action, work_order: work_order.to_owned(), operator: Some(operator.number.clone()) })
}
