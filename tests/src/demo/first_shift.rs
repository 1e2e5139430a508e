//! The first minutes of work at the demo's station, entered as operators would: both pages show a plant at work at once.
//!
//! - **Why a retry is safe**: every entry has the same id in every run, and the station stores an id once. The marker is
//!   written last.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::master_data::{OPERATORS, orders_of};
use crate::harness::api::Api;

/// At work from the beginning; the mixer waits for whoever tries the station.
const AT_WORK: [(&str, usize); 4] = [("press-1", 0), ("press-2", 0), ("oven-1", 1), ("packer-1", 1)];
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Works the first minutes, unless an earlier run has.
pub(super) async fn work_once(station: &Api, data: &Path) -> anyhow::Result<()> {
    let marker = data.join("first-shift");
    if marker.exists() {
        return Ok(());
    }
    until(station, |view| is_ready(view).then_some(())).await?;
    let mut ids = (1_u32..).map(|entry| format!("00000000-0000-4000-8000-{entry:012}"));
    let mut entry = |path: &'static str, mut what: Value| {
        what["id"] = json!(ids.next());
        async move { station.enter(path, what).await }
    };
    let [anna, ben] = [OPERATORS[0], OPERATORS[1]];
    entry("log-on", json!({ "number": anna.0, "pin": anna.2 })).await?;
    entry("log-on", json!({ "badge": ben.3 })).await?;
    for (machine, operator) in AT_WORK {
        let [operator, order] = [OPERATORS[operator].0, &orders_of(machine)[0]];
        let job = json!({ "operator": operator, "machine": machine, "action": "start", "work_order": order });
        entry("job", job).await?;
    }
    let scrap = json!({
        "operator": anna.0, "machine": "press-1", "good": 0, "scrap": 2, "rework": 0, "reason": "start-up",
    });
    entry("pieces", scrap).await?;
    let note = "New roll of steel at press 2: check the first brackets of every box.";
    entry("shift-note", json!({ "operator": ben.0, "machine": "press-2", "note": note })).await?;
    // Those that follow are left to whoever looks.
    let (machine, stop) = until(station, first_stop).await?;
    entry("stop/reason", json!({ "operator": anna.0, "machine": machine, "stop": stop, "reason": "jam" })).await?;
    std::fs::write(marker, "Remove the whole folder to start anew, not this file alone.\n")?;
    Ok(())
}

/// Looks at the station's view until it has what is `wanted`.
async fn until<T>(station: &Api, wanted: impl Fn(&Value) -> Option<T>) -> anyhow::Result<T> {
    loop {
        if let Some(found) = wanted(&station.get("view").await?) {
            return Ok(found);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the master data has arrived and every machine is heard.
fn is_ready(view: &Value) -> bool {
    let list = |key: &str| view[key].as_array().map_or(&[][..], Vec::as_slice);
    let is_known = |order: &String| list("work_orders").iter().any(|it| it["code"] == *order);
    view["ready_for_operators"] == true
        && list("machines").iter().all(|it| !it["last_reading_at"].is_null())
        && AT_WORK.iter().all(|(machine, _)| orders_of(machine).first().is_some_and(is_known))
}

/// Its machine and its number.
fn first_stop(view: &Value) -> Option<(String, String)> {
    let machines = view["machines"].as_array()?;
    let stops = machines.iter().filter_map(|machine| Some((machine["name"].as_str()?, machine["stops"].as_array()?)));
    let mut stops = stops.flat_map(|(machine, stops)| stops.iter().map(move |stop| (machine, stop)));
    let (machine, stop) = stops.find(|(_, stop)| stop["reason"].is_null())?;
    Some((machine.to_owned(), stop["stop"].as_str()?.to_owned()))
}
