//! What people of the demo's plant would have entered before their first day: made through central's API, once.
//!
//! - **Why a retry is safe**: what is there already is left as it is (409), so that an interrupted run is taken up by the
//!   next one. The marker is written last; from then on everything belongs to whoever plays with it.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, SubsecRound as _, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use process::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::harness::api::Api;

pub(super) const PLANT: &str = "demo";
pub(super) const TIME_ZONE: Tz = Tz::Europe__Vienna;

/// Number, name, PIN, badge. For the demo only.
pub(super) const OPERATORS: [(&str, &str, &str, &str); 3] = [
    ("101", "Anna Berger", "7391", "BADGE-101"),
    ("102", "Ben Novak", "8264", "BADGE-102"),
    ("103", "Cem Yilmaz", "9175", "BADGE-103"),
];

const LINES: [&str; 2] = ["Pressing", "Packing"];

/// Name, title, line, product, and the pieces that it makes in about an hour.
const MACHINES: [(&str, &str, &str, &str, i64); 5] = [
    ("press-1", "Press 1", "Pressing", "BRK-20", 7_000),
    ("press-2", "Press 2", "Pressing", "BRK-45", 2_500),
    ("oven-1", "Curing oven", "Pressing", "BRK-20-C", 1_800),
    ("packer-1", "Packer", "Packing", "BOX-100", 4_000),
    ("mixer-1", "Glue mixer", "Packing", "GLU-5", 800),
];

/// About as fast as the simulated machines are.
const PRODUCTS: [(&str, &str, i64); 5] = [
    ("BRK-20", "Bracket 20 mm", 530),
    ("BRK-45", "Bracket 45 mm", 1_400),
    ("BRK-20-C", "Bracket 20 mm, cured", 2_100),
    ("BOX-100", "Box of brackets", 840),
    ("GLU-5", "Glue, 5 l", 4_200),
];

/// Each machine's orders: hours of work, and in how many they are due.
const ORDERS: [(i64, i64); 3] = [(1, 3), (4, 10), (8, 26)];

/// Code, title, what of, whether planned.
const REASONS: [(&str, &str, &str, bool); 10] = [
    ("jam", "Material jam", "downtime", false),
    ("no-material", "Waiting for material", "downtime", false),
    ("tool", "Tool broken", "downtime", false),
    ("fault", "Machine fault", "downtime", false),
    ("setup", "Changeover", "downtime", true),
    ("cleaning", "Cleaning", "downtime", true),
    ("break", "Break", "downtime", true),
    ("dimension", "Wrong dimension", "pieces", false),
    ("surface", "Scratched", "pieces", false),
    ("start-up", "Start-up parts", "pieces", false),
];

const SHIFTS: [(&str, &str, &str); 3] =
    [("Early", "06:00", "14:00"), ("Late", "14:00", "22:00"), ("Night", "22:00", "06:00")];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const WEEKS: u32 = 52;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Codes of a machine's work orders, the first one due first.
pub(super) fn orders_of(machine: &str) -> Vec<String> {
    let index = MACHINES.iter().position(|it| it.0 == machine).unwrap_or_default();
    (1..=ORDERS.len()).map(|order| format!("WO-{}", 1_000 + 10 * (index + 1) + order)).collect()
}

/// Makes everything, unless an earlier run has. Waits for the machines to be heard of.
pub(super) async fn make_once(central: &Api, data: &Path) -> anyhow::Result<()> {
    let marker = data.join("master-data");
    if marker.exists() {
        return Ok(());
    }
    let now = DateTime::from_timestamp_micros(SystemClock::new(0).wall().0).context("the clock is beyond all years")?;
    what_needs_no_machine(central, now).await.context("cannot make the demo's master data")?;
    let machines = machines(central).await?;
    settle_machines(central, &machines).await?;
    release_orders(central, now).await?;
    std::fs::write(marker, "Remove the whole folder to start anew, not this file alone.\n")?;
    Ok(())
}

async fn what_needs_no_machine(central: &Api, now: DateTime<Utc>) -> anyhow::Result<()> {
    for name in LINES {
        central.make("lines", json!({ "plant": PLANT, "name": name })).await?;
    }
    for (code, title, ideal_cycle_ms) in PRODUCTS {
        let product = json!({ "plant": PLANT, "code": code, "title": title, "ideal_cycle_ms": ideal_cycle_ms });
        central.make("products", product).await?;
    }
    for (code, title, applies_to, planned) in REASONS {
        let reason =
            json!({ "plant": PLANT, "code": code, "title": title, "applies_to": applies_to, "planned": planned });
        central.make("reasons", reason).await?;
    }
    for (number, name, pin, badge) in OPERATORS {
        let operator = json!({ "plant": PLANT, "number": number, "name": name, "pin": pin, "badge": badge });
        central.make("operators", operator).await?;
    }
    central.make("shifts", three_shifts(now)).await?;
    let rules = json!([
        { "kind": "machine_down", "enabled": true, "threshold_s": 60 },
        { "kind": "agent_silent", "enabled": true, "threshold_s": 60 },
    ]);
    central.replace("alerts/rules", json!({ "plant": PLANT, "line": null, "rules": rules })).await
}

/// From the week on in which the plant is.
fn three_shifts(now: DateTime<Utc>) -> Value {
    let today = now.with_timezone(&TIME_ZONE).date_naive();
    let monday = today - TimeDelta::days(i64::from(today.weekday().num_days_from_monday()));
    let shift = |(name, starts, ends)| json!({ "name": name, "days": DAYS, "starts": starts, "ends": ends });
    json!({ "plant": PLANT, "first_monday": monday, "weeks": WEEKS, "pattern": SHIFTS.map(shift) })
}

/// The settings of all of them, as soon as central has heard of all.
async fn machines(central: &Api) -> anyhow::Result<Vec<Value>> {
    loop {
        let known = central.get(&format!("machine-settings?plant={PLANT}")).await?;
        let known = known["machine_settings"].as_array().context("a list of machine settings")?;
        if MACHINES.iter().all(|(name, ..)| known.iter().any(|it| it["name"] == *name)) {
            return Ok(known.clone());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn settle_machines(central: &Api, known: &[Value]) -> anyhow::Result<()> {
    for (name, title, line, ..) in MACHINES {
        let Some(machine) = known.iter().find(|it| it["name"] == name && it["line"].is_null()) else { continue };
        let settings = json!({
            "version": machine["version"],
            "title": title,
            "line": line,
            "microstop_below_ms": machine["microstop_below_ms"],
        });
        central.replace(&format!("machine-settings/{}", machine["id"]), settings).await?;
    }
    Ok(())
}

async fn release_orders(central: &Api, now: DateTime<Utc>) -> anyhow::Result<()> {
    let hour = now.trunc_subsecs(0) - TimeDelta::seconds(i64::from(now.minute() * 60 + now.second()));
    for (machine, _, _, product, per_hour) in MACHINES {
        for (code, (hours, due_in_h)) in orders_of(machine).into_iter().zip(ORDERS) {
            let order = json!({
                "plant": PLANT,
                "code": code,
                "product": product,
                "machine": machine,
                "quantity": hours * per_hour,
                "due_at": hour + TimeDelta::hours(due_in_h),
            });
            central.make("work-orders", order).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_begins_on_the_plants_monday() {
        // 2026-11-22 is a Sunday; half an hour before midnight in UTC it is Monday in Vienna.
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        assert_eq!(three_shifts(at("2026-11-22T20:00:00Z"))["first_monday"], "2026-11-16");
        assert_eq!(three_shifts(at("2026-11-22T23:30:00Z"))["first_monday"], "2026-11-23");
    }

    #[test]
    fn every_work_order_has_a_code_of_its_own() {
        let mut codes: Vec<String> = MACHINES.iter().flat_map(|it| orders_of(it.0)).collect();
        assert_eq!(codes[0], "WO-1011");
        codes.dedup();
        assert_eq!(codes.len(), MACHINES.len() * ORDERS.len());
    }
}
