//! Every kind of record by the same rules.

use central::auth::{Plants, Role};
use serde_json::{Value, json};

use crate::api::Api;

/// One kind of record, and how it is asked for.
struct Kind {
    path: &'static str,
    list: &'static str,
    /// The field that names it.
    key: &'static str,
    /// Complete but for plant and key.
    new: Value,
    /// A replacement, complete but for the version.
    change: Value,
    /// A field, a value it does not take, and what the answer says.
    faults: Vec<(&'static str, Value, &'static str)>,
    /// Makes a fact or record that refers to the one called `used` in north, and what the answer says of it.
    referrer: (&'static str, &'static str),
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            path: "/lines",
            list: "lines",
            key: "name",
            new: json!({ "title": "Filling" }),
            change: json!({ "title": "Filling, hall 2" }),
            faults: vec![("name", json!("a b"), "is not a name"), ("title", json!("a\nb"), "control character")],
            referrer: (
                "UPDATE machines SET line_id = (SELECT id FROM lines WHERE name = 'used' AND plant_id = 1) WHERE name = 'press'",
                "1 machines that stand in it, such as press",
            ),
        },
        Kind {
            path: "/products",
            list: "products",
            key: "code",
            new: json!({ "title": "Lid", "ideal_cycle_ms": 1200 }),
            change: json!({ "title": "Lid, red", "ideal_cycle_ms": null, "active": false }),
            faults: vec![
                ("code", json!(""), "expected 1 to 64"),
                ("code", json!(" a"), "blank"),
                ("code", json!("a\u{0}"), "control character"),
                ("ideal_cycle_ms", json!(0), "not within 1"),
                ("ideal_cycle_ms", json!("fast"), "invalid type"),
            ],
            referrer: (
                "INSERT INTO work_orders (plant_id, code, product) VALUES (1, 'WO-9', 'used')",
                "1 work orders, such as \"WO-9\"",
            ),
        },
        Kind {
            path: "/work-orders",
            list: "work_orders",
            key: "code",
            new: json!({ "product": "base", "machine": "press", "quantity": 500, "due_at": "2026-04-01T06:00:00Z" }),
            change: json!({ "product": "base", "machine": null, "quantity": null, "due_at": null, "active": false }),
            faults: vec![
                ("product", json!("nothing"), "no product \"nothing\""),
                ("machine", json!("nothing"), "no machine \"nothing\""),
                ("quantity", json!(-1), "not within 0"),
                ("due_at", json!("9999-01-01T00:00:00Z"), "2000 to 2199"),
            ],
            referrer: (
                "INSERT INTO job_log (at, plant_day, plant_id, agent_id, epoch, seq, clock, action, work_order)
                 VALUES ('2026-03-10T12:00:00Z', '2026-03-10', 1, 1, 1, 1, 'synchronized', 'start', 'used')",
                "work that was done on it",
            ),
        },
        Kind {
            path: "/reasons",
            list: "reasons",
            key: "code",
            new: json!({ "title": "Jam", "applies_to": "downtime" }),
            change: json!({ "title": "Lunch", "applies_to": "downtime", "planned": true, "active": false }),
            faults: vec![("applies_to", json!("scrap"), "unknown variant"), ("title", json!("\u{1b}[2J"), "control")],
            referrer: (
                "INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change,
                        reason)
                 VALUES ('2026-03-10T12:00:00Z', '2026-03-10', 1, 1, 1, 1, 1, 'synchronized', 1, 'reason', 'used')",
                "stops that it was given",
            ),
        },
        Kind {
            path: "/operators",
            list: "operators",
            key: "number",
            new: json!({ "name": "Anna", "badge": "B-0001", "pin": "4711" }),
            change: json!({ "name": "Anna B.", "active": false }),
            faults: vec![
                ("name", json!(""), "expected 1 to 200"),
                ("pin", json!("1234"), "first that anybody would try"),
                ("pin", json!("12a4"), "4 to 12 digits"),
                ("badge", json!("abc"), "expected 4 to 128"),
            ],
            referrer: (
                "INSERT INTO shift_log (at, plant_day, plant_id, agent_id, epoch, seq, clock, entry, operator)
                 VALUES ('2026-03-10T12:00:00Z', '2026-03-10', 1, 1, 1, 1, 'synchronized', 'operator_on', 'used')",
                "what this operator has entered",
            ),
        },
    ]
}

impl Kind {
    fn body(&self, plant: &str, key: &str) -> Value {
        let mut new = self.new.clone();
        new["plant"] = json!(plant);
        new[self.key] = json!(key);
        if self.path == "/operators" {
            // No two operators of a plant share a badge.
            new["badge"] = json!(format!("B-{key}"));
        }
        new
    }

    fn change(&self, version: &Value) -> Value {
        let mut change = self.change.clone();
        change["version"] = version.clone();
        change
    }

    fn at(&self, record: &Value) -> String {
        format!("{}/{}", self.path, record["id"])
    }
}

async fn start() -> Api {
    let api = Api::start().await;
    api.sql("INSERT INTO products (plant_id, code, title) VALUES (1, 'base', 'Base'), (2, 'base', 'Base')").await;
    api
}

#[tokio::test]
async fn what_is_created_is_answered_listed_replaced_and_deleted() {
    let api = start().await;
    for kind in kinds() {
        let before = api.revision("north").await;
        let made = api.created(kind.path, &kind.body("north", "one")).await;
        for (field, value) in kind.new.as_object().unwrap() {
            if !["badge", "pin"].contains(&field.as_str()) {
                assert_eq!(&made[field], value, "{} {field}", kind.path);
            }
        }
        assert_eq!(api.get(&kind.at(&made)).await, made);
        assert_eq!(made["version"], 1);
        let listed = api.get(&format!("{}?plant=north&q=ONE", kind.path)).await;
        assert_eq!(listed[kind.list], json!([made]), "{}", kind.path);
        assert_eq!(api.get(&format!("{}?q=nowhere", kind.path)).await[kind.list], json!([]));

        let replaced = api.replaced(&kind.at(&made), &kind.change(&made["version"])).await;
        for (field, value) in kind.change.as_object().unwrap() {
            assert_eq!(&replaced[field], value, "{} {field}", kind.path);
        }
        assert_eq!((&replaced["version"], &replaced[kind.key]), (&json!(2), &json!("one")));
        if replaced["active"] == false {
            assert_eq!(api.get(&format!("{}?active=true&q=one", kind.path)).await[kind.list], json!([]));
            assert_eq!(api.get(&format!("{}?active=false&q=one", kind.path)).await[kind.list], json!([replaced]));
        }
        api.deleted(&kind.at(&made)).await;
        api.refused("GET", &kind.at(&made), &json!(null), 404).await;
        api.refused("DELETE", &kind.at(&made), &json!(null), 404).await;
        let changes = if kind.path == "/lines" { 0 } else { 3 };
        assert_eq!(api.revision("north").await - before, changes, "{}: agents hear of every change once", kind.path);
    }
    api.database.close().await;
}

#[tokio::test]
async fn nothing_is_overwritten_unseen_and_no_name_is_given_twice() {
    let api = start().await;
    for kind in kinds() {
        let made = api.created(kind.path, &kind.body("north", "one")).await;
        api.replaced(&kind.at(&made), &kind.change(&json!(1))).await;
        let detail = api.refused("PUT", &kind.at(&made), &kind.change(&json!(1)), 409).await;
        assert!(detail.contains("not of version 1 any more"), "{detail}");
        assert_eq!(api.get(&kind.at(&made)).await["version"], 2);

        let detail = api.refused("POST", kind.path, &kind.body("north", "one"), 409).await;
        assert!(detail.contains("already") || detail.contains("another operator"), "{}: {detail}", kind.path);
        if kind.path != "/work-orders" {
            api.created(kind.path, &kind.body("south", "one")).await;
        }
    }
    api.database.close().await;
}

#[tokio::test]
async fn what_something_refers_to_is_not_deleted() {
    let api = start().await;
    for kind in kinds() {
        let made = api.created(kind.path, &kind.body("north", "used")).await;
        api.sql(kind.referrer.0).await;
        let detail = api.refused("DELETE", &kind.at(&made), &json!(null), 409).await;
        assert!(detail.contains(kind.referrer.1), "{}: {detail}", kind.path);
        assert_eq!(api.get(&kind.at(&made)).await[kind.key], "used");
    }
    api.database.close().await;
}

#[tokio::test]
async fn another_plant_is_as_if_it_were_not_there() {
    let mut api = start().await;
    for kind in kinds() {
        api.asked_by(Role::Administrator, Plants::All).await;
        let made = api.created(kind.path, &kind.body("north", "one")).await;
        api.asked_by(Role::Manager, Plants::Only(vec![2].into())).await;
        assert!(!api.get(kind.path).await[kind.list].to_string().contains("north"), "{}", kind.path);
        api.refused("GET", &kind.at(&made), &json!(null), 404).await;
        api.refused("PUT", &kind.at(&made), &kind.change(&json!(1)), 404).await;
        api.refused("DELETE", &kind.at(&made), &json!(null), 404).await;
        api.refused("POST", kind.path, &kind.body("north", "two"), 404).await;
        api.refused("POST", kind.path, &kind.body("nowhere", "two"), 404).await;
        // Whoever may not edit may look.
        api.asked_by(Role::ShiftLead, Plants::Only(vec![1].into())).await;
        assert_eq!(api.get(&kind.at(&made)).await["plant"], "north");
        api.refused("PUT", &kind.at(&made), &kind.change(&json!(1)), 403).await;
        api.refused("DELETE", &kind.at(&made), &json!(null), 403).await;
        api.refused("POST", kind.path, &kind.body("north", "two"), 403).await;
    }
    api.database.close().await;
}

#[tokio::test]
async fn nonsense_is_answered_with_what_was_expected() {
    let api = start().await;
    for kind in kinds() {
        let made = api.created(kind.path, &kind.body("north", "one")).await;
        for (field, value, expected) in &kind.faults {
            let mut new = kind.body("north", "two");
            new[*field] = value.clone();
            let detail = api.refused("POST", kind.path, &new, 400).await;
            assert!(detail.contains(expected), "{} {field}: {detail}", kind.path);
        }
        let mut more = kind.body("north", "two");
        more["colour"] = json!("red");
        assert!(api.refused("POST", kind.path, &more, 400).await.contains("unknown field `colour`"));
        api.refused("POST", kind.path, &json!([]), 400).await;
        api.refused("PUT", &kind.at(&made), &json!({ "version": 1 }), 400).await;
        api.refused("GET", &format!("{}/x", kind.path), &json!(null), 400).await;
        api.refused("GET", &format!("{}/99999999999", kind.path), &json!(null), 400).await;
        api.refused("GET", &format!("{}?limit=0", kind.path), &json!(null), 400).await;
        api.refused("GET", &format!("{}?q=%00", kind.path), &json!(null), 400).await;
        api.refused("GET", &format!("{}?cursor=x", kind.path), &json!(null), 400).await;
        api.refused("GET", &format!("{}?colour=red", kind.path), &json!(null), 400).await;
        let (status, _) = api.send("POST", kind.path, "text/plain", "{}").await;
        assert_eq!(status, 415);
        let (status, _) = api.send("POST", kind.path, "application/json", "{").await;
        assert_eq!(status, 400);
    }
    api.database.close().await;
}

#[tokio::test]
async fn hostile_texts_come_back_as_they_were_given() {
    let api = start().await;
    for text in [
        "<script>alert(1)</script>",
        "'); DROP TABLE plants; --",
        "\u{202e}txet desrever\u{202c}",
        "${jndi:ldap://x}",
        "%00../../etc/passwd",
        "\u{1f4a5}\u{200d}\u{fe0f}",
        "=cmd|' /C calc'!A0",
    ] {
        for kind in kinds().into_iter().filter(|kind| kind.key == "code" || kind.key == "number") {
            let mut new = kind.body("north", text);
            let shown = if kind.path == "/operators" { "name" } else { "title" };
            if kind.path != "/work-orders" {
                new[shown] = json!(text);
            }
            let made = api.created(kind.path, &new).await;
            assert_eq!(made[kind.key], text);
            assert_eq!(api.get(&kind.at(&made)).await, made);
            if kind.path != "/work-orders" {
                assert_eq!(made[shown], text);
            }
        }
    }
    api.database.close().await;
}

#[tokio::test]
async fn lists_come_in_pages_without_holes() {
    let api = start().await;
    for kind in kinds() {
        for n in 0..7 {
            api.created(
                kind.path,
                &kind.body("north", &format!("p{n}/x").replace("/x", if kind.key == "name" { "" } else { "/x" })),
            )
            .await;
        }
        let all = api.get(kind.path).await;
        for limit in [1, 2, 3, 7, 8] {
            let mut paged: Vec<Value> = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = api.get(&format!("{}?limit={limit}{cursor}", kind.path)).await;
                paged.extend(page[kind.list].as_array().unwrap().clone());
                match page["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(json!(paged), all[kind.list], "{} by {limit}", kind.path);
        }
    }
    api.database.close().await;
}

#[tokio::test]
async fn plants_are_made_by_administrators_of_all_of_them() {
    let mut api = start().await;
    let west =
        api.created("/plants", &json!({ "name": "west", "title": "West", "time_zone": "America/New_York" })).await;
    let at = format!("/plants/{}", west["id"]);
    assert_eq!(api.get(&at).await, west);
    assert_eq!(api.get("/plants?q=WE").await["plants"], json!([west]));
    let change = json!({ "version": 1, "title": "West", "time_zone": "America/Chicago" });
    assert_eq!(api.replaced(&at, &change).await["version"], 2);
    assert_eq!(api.revision("west").await, 2, "agents learn the zone");
    api.refused("PUT", &at, &change, 409).await;
    api.refused("POST", "/plants", &json!({ "name": "west", "time_zone": "UTC" }), 409).await;
    let detail = api.refused("POST", "/plants", &json!({ "name": "east", "time_zone": "Europe/Berlim" }), 400).await;
    assert!(detail.contains("did you mean Europe/Berlin?"), "{detail}");
    api.refused("POST", "/plants", &json!({ "name": "no plant", "time_zone": "UTC" }), 400).await;
    api.asked_by(Role::Administrator, Plants::Only(vec![1].into())).await;
    api.refused("POST", "/plants", &json!({ "name": "east", "time_zone": "UTC" }), 403).await;
    api.refused("GET", &at, &json!(null), 404).await;
    assert_eq!(api.get("/plants").await["plants"].as_array().unwrap().len(), 1);
    api.asked_by(Role::Manager, Plants::All).await;
    api.refused("POST", "/plants", &json!({ "name": "east", "time_zone": "UTC" }), 403).await;
    api.database.close().await;
}
