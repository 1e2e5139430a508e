//! Settings of machines, and shifts.

use central::auth::{Plants, Role};
use serde_json::{Value, json};

use crate::api::Api;

#[tokio::test]
async fn a_machine_gets_a_title_a_line_and_a_threshold() {
    let mut api = Api::start().await;
    api.sql("INSERT INTO lines (plant_id, name) VALUES (1, 'l1'), (2, 'far')").await;
    let before = api.revision("north").await;
    let list = api.get("/machine-settings?plant=north&q=press").await;
    let press = &list["machine_settings"][0];
    assert_eq!((&press["agent"], &press["line"]), (&json!("hall-1"), &Value::Null));
    let at = format!("/machine-settings/{}", press["id"]);
    let change = json!({ "version": press["version"], "title": "Press A", "line": "l1", "microstop_below_ms": 5000 });
    let after = api.replaced(&at, &change).await;
    for field in ["title", "line", "microstop_below_ms"] {
        assert_eq!(after[field], change[field]);
    }
    assert_eq!(api.get(&at).await, after);
    assert_eq!(api.revision("north").await, before + 1);
    assert_eq!(api.get("/lines?plant=north").await["lines"][0]["machines"], 1);
    api.refused("PUT", &at, &change, 409).await;
    for (field, value, expected) in [
        ("line", json!("far"), "no line \"far\""),
        ("microstop_below_ms", json!(-1), "not within"),
        ("title", json!("\r"), "control"),
    ] {
        let mut wrong = change.clone();
        wrong[field] = value;
        let detail = api.refused("PUT", &at, &wrong, 400).await;
        assert!(detail.contains(expected), "{detail}");
    }
    api.asked_by(Role::Manager, Plants::Only(vec![2].into())).await;
    api.refused("GET", &at, &json!(null), 404).await;
    api.refused("PUT", &at, &change, 404).await;
    api.refused("GET", &format!("{at}/signals"), &json!(null), 404).await;
    api.database.close().await;
}

#[tokio::test]
async fn signals_are_those_that_were_read_lately() {
    let api = Api::start().await;
    api.sql(
        "INSERT INTO production_logs
            SELECT '2026-03-10T23:00:00Z'::timestamptz + n * interval '1 minute', '2026-03-10', 1, 1, 1, 1, n,
                'synchronized', 'parts', 'good', 5, 100 + n, 'increase' FROM generate_series(1, 5) n;
         INSERT INTO measurements VALUES
            ('2026-03-10T23:20:00Z', '2026-03-10', 1, 1, NULL, 1, 1, 9, 'wrong', 'torque', 1.5, NULL, NULL, 'Nm'),
            ('2026-03-10T21:00:00Z', '2026-03-10', 1, 1, NULL, 1, 1, 8, 'wrong', 'long_ago', 1.5, NULL, NULL, 'Nm');",
    )
    .await;
    let found = api.get("/machine-settings/1/signals").await;
    let signals = found["signals"].as_array().unwrap();
    let names: Vec<_> = signals.iter().map(|it| it["signal"].as_str().unwrap()).collect();
    assert_eq!(names, ["parts", "torque"]);
    assert_eq!((&signals[0]["counter"], &signals[0]["quality"]), (&json!(105), &json!("good")));
    assert_eq!((&signals[1]["number"], &signals[1]["unit"]), (&json!(1.5), &json!("Nm")));
    api.database.close().await;
}

fn pattern(first_monday: &str) -> Value {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    json!({
        "plant": "north", "first_monday": first_monday, "weeks": 3,
        "pattern": [
            { "name": "early", "days": days, "starts": "06:00", "ends": "14:00" },
            { "name": "night", "days": days, "starts": "22:00", "ends": "06:00" },
        ],
    })
}

#[tokio::test]
async fn shifts_come_from_a_pattern_and_only_future_ones_go() {
    let mut api = Api::start().await;
    let before = api.revision("north").await;
    // The clocks are set in the second of these weeks.
    let made = api.created("/shifts", &pattern("2026-03-23")).await;
    assert_eq!((&made["created"], &made["first_starts_at"]), (&json!(30), &json!("2026-03-23T05:00:00Z")));
    assert_eq!(made["last_ends_at"], "2026-04-11T04:00:00Z");
    assert_eq!(api.revision("north").await, before + 1);
    let list = api.get("/shifts?plant=north&from=2026-03-30T00:00:00Z&to=2026-03-31T00:00:00Z").await;
    let starts: Vec<_> =
        list["shifts"].as_array().unwrap().iter().map(|it| it["starts_at"].as_str().unwrap()).collect();
    assert_eq!(starts, ["2026-03-30T04:00:00Z", "2026-03-30T20:00:00Z"], "06:00 and 22:00 in Berlin's summer");
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/shifts?from=2026-03-20T00:00:00Z&limit=7{cursor}")).await;
        paged.extend(page["shifts"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged.len(), 30);

    let detail = api.refused("POST", "/shifts", &pattern("2026-04-06"), 409).await;
    assert!(detail.contains("the first is \"early\" from 2026-04-06"), "{detail}");
    let delete = |from: &str| format!("/shifts?plant=north&from={from}");
    api.refused("DELETE", &delete("2026-03-10T00:00:00Z"), &json!(null), 400).await;
    let (status, answer) = api.status_of("DELETE", &delete("2026-04-06T00:00:00Z"), &json!(null)).await;
    assert_eq!((status, answer), (200, json!({ "deleted": 10 })));
    api.created("/shifts", &pattern("2026-04-13")).await;

    for (field, value, expected) in [
        ("first_monday", json!("2026-03-24"), "is no Monday"),
        ("first_monday", json!("2020-03-23"), "current week"),
        ("weeks", json!(0), "expected 1 to 60"),
        ("pattern", json!([]), "expected 1 to 50"),
        ("pattern", json!([{ "name": "x", "days": [], "starts": "06:00", "ends": "14:00" }]), "1 to 7 days"),
        ("pattern", json!([{ "name": "x", "days": ["monday"], "starts": "6", "ends": "14:00" }]), "times such as"),
        (
            "pattern",
            json!([{ "name": "x", "days": ["monday", "monday"], "starts": "06:00", "ends": "14:00" }]),
            "begins twice",
        ),
    ] {
        let mut wrong = pattern("2026-06-01");
        wrong[field] = value;
        let detail = api.refused("POST", "/shifts", &wrong, 400).await;
        assert!(detail.contains(expected), "{expected}: {detail}");
    }
    api.asked_by(Role::Manager, Plants::Only(vec![2].into())).await;
    api.refused("POST", "/shifts", &pattern("2026-06-01"), 404).await;
    api.refused("DELETE", &delete("2026-04-06T00:00:00Z"), &json!(null), 404).await;
    assert_eq!(api.get("/shifts?from=2026-03-20T00:00:00Z").await["shifts"], json!([]));
    api.asked_by(Role::ShiftLead, Plants::All).await;
    api.refused("POST", "/shifts", &pattern("2026-06-01"), 403).await;
    api.database.close().await;
}
