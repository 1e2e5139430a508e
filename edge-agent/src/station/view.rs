//! The whole of what the page shows. Pure.

use std::collections::HashMap;

use protocol::batch::{Condition, Health};
use protocol::id::{Name, Seq};
use protocol::master_data::{MasterData, Product};
use protocol::time::UtcMicros;

use super::api::{
    Central, Corrected, Entry, FromScanner, Job, LoggedOn, Machine, Moment, Of, PiecesSince, Reason, Reasons,
    SaidAtCentral, Stop, View, WorkOrder,
};
use super::corrected::{Number, ShownStop, shown_stops};
use super::desk::{self, Desk, Floor, MachineNow, Stamp, is_shown};
use crate::status::report::{CentralReport, UplinkState};

const ENTRIES_SHOWN: usize = 50;
const ENTRIES_SHOWN_FOR_US: u64 = 24 * 3_600_000_000;
/// Both clocks run alike unless one of them was set.
const CLOCK_WAS_SET_US: u64 = 2_000_000;
/// Whoever scanned has left after so long; the entry is in the list.
const SCANNED_SHOWN_FOR_US: u64 = 10 * 60_000_000;
/// The page lists them; a plant with more open orders gives each its machine.
const WORK_ORDERS_SHOWN: usize = 200;

/// How the agent stands with central.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) report: CentralReport,
    pub(super) condition: Option<Condition>,
    pub(super) acknowledged: Seq,
    pub(super) waiting_events: u64,
}

pub(super) fn compose(desk: &Desk, floor: &Floor<'_>, plant: &Name, standing: &Standing) -> View {
    let master_data = floor.master_data;
    let products = master_data.products.iter().map(|it| (it.code.as_str(), it)).collect();
    View {
        at: Moment(floor.now.at),
        station: floor.station.clone(),
        plant: plant.clone(),
        time_zone: if master_data.time_zone.is_empty() { "UTC".to_owned() } else { master_data.time_zone.clone() },
        central: central(standing, floor.now.at),
        operators: desk.operators.iter().map(logged_on).collect(),
        machines: floor.machines.iter().map(|it| machine(it, desk, floor, &products)).collect(),
        work_orders: work_orders(master_data, floor, &products),
        reasons: Reasons {
            downtime: reasons(master_data, desk::is_of_stops),
            pieces: reasons(master_data, desk::is_of_pieces),
        },
        entries: entries(desk, floor, standing.acknowledged),
        ready_for_operators: !master_data.operators.is_empty(),
        undo_s: floor.rules.undo_s,
        from_scanners: from_scanners(desk, floor),
        pages: 0,
    }
}

fn from_scanners(desk: &Desk, floor: &Floor<'_>) -> Vec<FromScanner> {
    let recent = desk.from_scanners.iter().filter(|it| floor.now.since_us(it.stamp) < SCANNED_SHOWN_FOR_US);
    let shown = recent.map(|it| FromScanner {
        id: it.id,
        at: Moment(it.stamp.at),
        scanner: it.scanner.clone(),
        code: it.code.clone(),
        outcome: it.outcome.clone(),
    });
    shown.collect()
}

fn central(standing: &Standing, now: UtcMicros) -> Central {
    let reachable = standing.report.state == UplinkState::Connected;
    let condition = standing.condition.as_ref();
    let told = condition.filter(|it| !matches!(it.health, Health::Good)).map(|it| it.reason.clone());
    Central {
        reachable,
        since: Moment(condition.map_or(now, |it| it.since)),
        waiting_events: standing.waiting_events,
        reason: told.filter(|reason| !reachable && !reason.is_empty()),
        last_sync_at: standing.report.answered_at.map(Moment),
    }
}

fn logged_on(on: &desk::LoggedOn) -> LoggedOn {
    LoggedOn { number: on.number.clone(), name: on.name.clone(), since: Moment(on.since.at) }
}

fn machine(now: &MachineNow, desk: &Desk, floor: &Floor<'_>, products: &HashMap<&str, &Product>) -> Machine {
    let live = &now.live;
    let settings = floor.master_data.machines.iter().find(|it| it.name == live.machine);
    let title = settings.map_or("", |it| it.title.as_str());
    let at = desk.machines.get(&live.machine);
    let period = at.and_then(|it| it.period);
    let base = period.map_or([live.good, live.scrap, live.rework], |it| it.base);
    let recent = live.recent_stops.iter().filter(|stop| is_shown(stop, floor.now.at));
    let stops = shown_stops(&live.machine, recent, floor.corrections);
    Machine {
        name: live.machine.clone(),
        title: desk::title(title, &live.machine).to_owned(),
        state: live.state,
        state_since: Moment(live.state_since),
        last_reading_at: live.last_reading_at.map(Moment),
        counts_itself: now.counts_itself,
        pieces: PiecesSince {
            good: live.good - base[0],
            scrap: live.scrap - base[1],
            rework: live.rework - base[2],
            since: Moment(period.map_or(floor.now.at, |it| it.counted_since)),
            of: period.map_or(Of::Day, |it| it.of),
        },
        job: at.and_then(|it| it.job.as_ref()).map(|it| job(it, live.good, floor.master_data, products)),
        stops: stops.iter().rev().map(stop).collect(),
        help_called_at: at.and_then(|it| it.help_called_at).map(Moment),
    }
}

fn stop(shown: &ShownStop<'_>) -> Stop {
    let said = |it: &protocol::correction::SaidAtCentral| SaidAtCentral { by: it.by.clone(), at: Moment(it.at) };
    let holds = shown.reason_of_central.map(|it| it.code.as_str());
    Stop {
        stop: match shown.number {
            Number::Here(stop) => stop.0.to_string(),
            Number::AtCentral(stop) => stop.to_string(),
        },
        began_at: Moment(shown.began_at),
        ended_at: shown.ended_at.map(Moment),
        reason: holds.or(shown.reason_here).map(str::to_owned),
        note: shown.note.map(str::to_owned),
        corrected: shown.reason_of_central.map(|it| Corrected {
            title: desk::title(&it.title, &it.code).to_owned(),
            why: it.why.clone(),
            said: said(&it.said),
            said_here: shown.reason_here.filter(|here| Some(*here) != holds).map(str::to_owned),
        }),
        split_at_central: shown.split.map(said),
    }
}

fn job(job: &desk::Job, shown: i64, master_data: &MasterData, products: &HashMap<&str, &Product>) -> Job {
    let order = master_data.work_orders.iter().find(|it| it.code == job.work_order);
    let product = order.map_or("", |it| it.product.as_str());
    Job {
        work_order: job.work_order.clone(),
        product: product.to_owned(),
        product_title: title_of(product, products),
        quantity: order.and_then(|it| it.quantity),
        good: job.good(shown),
        since: Moment(job.since),
        paused: job.is_paused(),
    }
}

fn title_of(product: &str, products: &HashMap<&str, &Product>) -> String {
    products.get(product).map_or(product, |it| desk::title(&it.title, &it.code)).to_owned()
}

/// Due first; those of machines elsewhere last.
fn work_orders(master_data: &MasterData, floor: &Floor<'_>, products: &HashMap<&str, &Product>) -> Vec<WorkOrder> {
    let is_here = |name: &Name| floor.machines.iter().any(|it| it.live.machine == *name);
    let mut orders: Vec<_> = master_data.work_orders.iter().collect();
    orders.sort_by_key(|it| {
        let elsewhere = it.machine.as_ref().is_some_and(|machine| !is_here(machine));
        (elsewhere, it.due_at.is_none(), it.due_at, &it.code)
    });
    let orders = orders.into_iter().take(WORK_ORDERS_SHOWN);
    let shown = orders.map(|it| WorkOrder {
        code: it.code.clone(),
        product: it.product.clone(),
        product_title: title_of(&it.product, products),
        machine: it.machine.clone(),
        quantity: it.quantity,
        due_at: it.due_at.map(Moment),
    });
    shown.collect()
}

fn reasons(master_data: &MasterData, is_right: fn(&protocol::master_data::Reason) -> bool) -> Vec<Reason> {
    let reasons = master_data.reasons.iter().filter(|it| is_right(it));
    let shown = reasons.map(|it| Reason {
        code: it.code.clone(),
        title: desk::title(&it.title, &it.code).to_owned(),
        planned: it.planned,
    });
    shown.collect()
}

fn entries(desk: &Desk, floor: &Floor<'_>, acknowledged: Seq) -> Vec<Entry> {
    let now = floor.now;
    let recent = desk.entries.iter().rev().take(ENTRIES_SHOWN);
    let recent = recent.filter(|it| now.since_us(it.stamp) < ENTRIES_SHOWN_FOR_US);
    let undo_us = u64::from(floor.rules.undo_s) * 1_000_000;
    recent
        .map(|it| {
            let undoable = it.pieces.is_some() && !it.undone && now.since_us(it.stamp) <= undo_us;
            Entry {
                id: it.id,
                at: Moment(it.stamp.at),
                kind: it.kind,
                machine: it.machine.clone(),
                operator: it.operator.clone(),
                text: it.text.clone(),
                said: it.said.clone(),
                at_central: it.seq.is_some_and(|seq| seq <= acknowledged),
                undo_until: undoable.then(|| until(it.stamp, undo_us, now)),
                undone: it.undone,
            }
        })
        .collect()
}

/// The end of a window, as the clock of `now` will show it: that may have been set since the window began.
fn until(began: Stamp, lasts_us: u64, now: Stamp) -> Moment {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let planned = began.at.plus_us(signed(lasts_us));
    let same_boot = began.monotonic.boot == now.monotonic.boot && began.monotonic.us <= now.monotonic.us;
    let ends = now.at.plus_us(signed(lasts_us.saturating_sub(now.since_us(began))));
    if !same_boot || ends.since(planned).unsigned_abs() < CLOCK_WAS_SET_US {
        return Moment(planned);
    }
    // To the second, so that it stays the same from one look to the next.
    Moment(UtcMicros(ends.0 - ends.0.rem_euclid(1_000_000)))
}
