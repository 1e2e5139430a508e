//! Administration of agents.

use central::auth::{Plants, Role};
use protocol::enrolment::{EnrolmentCode, KeyFingerprint};
use serde_json::{Value, json};

use crate::api::Api;

const HALL_1: &str = "/agents/00000000-0000-4000-8000-000000000001";

#[tokio::test]
async fn an_invitation_gives_its_code_once_and_can_be_revoked() {
    let mut api = Api::start().await;
    let invited =
        api.created("/agents/invitations", &json!({ "plant": "north", "agent": "hall-2", "lasts_s": 600 })).await;
    assert_eq!(invited["central_address"], "central.example:7443");
    assert_eq!(invited["invitation"]["expires_at"], "2026-03-10T23:40:00Z");
    let code = EnrolmentCode::parse(invited["code"].as_str().unwrap()).unwrap();
    assert_eq!(code.address, "central.example:7443");
    assert!(code.names(&KeyFingerprint([7; 32])));
    let list = api.get("/agents/invitations?plant=north").await;
    assert_eq!(list["invitations"], json!([invited["invitation"]]), "the code is not among it");

    let at = format!("/agents/invitations/{}", invited["invitation"]["id"]);
    api.asked_by(Role::Administrator, Plants::Only(vec![2].into())).await;
    api.refused("DELETE", &at, &json!(null), 404).await;
    assert_eq!(api.get("/agents/invitations").await["invitations"], json!([]));
    api.refused("POST", "/agents/invitations", &json!({ "plant": "north", "agent": "x" }), 404).await;
    api.asked_by(Role::Manager, Plants::All).await;
    api.refused("POST", "/agents/invitations", &json!({ "plant": "north", "agent": "x" }), 403).await;
    api.refused("GET", "/agents/invitations", &json!(null), 403).await;
    api.asked_by(Role::Administrator, Plants::All).await;
    api.deleted(&at).await;
    api.refused("DELETE", &at, &json!(null), 404).await;
    assert_eq!(api.get("/agents/invitations").await["invitations"], json!([]));
    // The secret is no good any more.
    let applicant = central::agents::enrolment::Applicant {
        secret: code.secret,
        key: KeyFingerprint([9; 32]),
        new_id: uuid::Uuid::from_u128(9),
        at: chrono::DateTime::from_timestamp_micros(crate::api::NOW_US + 1).unwrap(),
    };
    let refused = central::agents::store::enrol(&api.database.pool, &applicant).await.unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");

    for (body, status, expected) in [
        (json!({ "plant": "north", "agent": "hall-1" }), 409, "exists already"),
        (json!({ "plant": "nowhere", "agent": "a" }), 404, "no plant"),
        (json!({ "plant": "north", "agent": "a b" }), 400, "not a name"),
        (json!({ "plant": "north", "agent": "a", "lasts_s": 1 }), 400, "not within 60"),
        (json!({ "plant": "north", "agent": "a", "central_address": "nonsense" }), 400, "not host:port"),
    ] {
        let detail = api.refused("POST", "/agents/invitations", &body, status).await;
        assert!(detail.contains(expected), "{detail}");
    }
    api.database.close().await;
}

#[tokio::test]
async fn an_agent_is_disabled_and_enabled_again() {
    let mut api = Api::start().await;
    let (status, agent) = api.status_of("POST", &format!("{HALL_1}/disable"), &json!(null)).await;
    assert_eq!((status, &agent["enabled"]), (200, &json!(false)));
    let (_, again) = api.status_of("POST", &format!("{HALL_1}/disable"), &json!(null)).await;
    assert_eq!(again["disabled_at"], agent["disabled_at"], "once is enough");
    api.sql(
        "INSERT INTO agents (uuid, plant_id, name, key_fingerprint) VALUES (gen_random_uuid(), 1, 'hall-1', sha256('new'))",
    )
    .await;
    let detail = api.refused("POST", &format!("{HALL_1}/enable"), &json!(null), 409).await;
    assert!(detail.contains("disable that one first"), "{detail}");
    api.sql("UPDATE agents SET name = 'hall-9' WHERE enabled").await;
    let (status, agent) = api.status_of("POST", &format!("{HALL_1}/enable"), &json!(null)).await;
    assert_eq!((status, &agent["enabled"]), (200, &json!(true)));
    api.asked_by(Role::Administrator, Plants::Only(vec![2].into())).await;
    api.refused("POST", &format!("{HALL_1}/disable"), &json!(null), 404).await;
    api.asked_by(Role::Manager, Plants::All).await;
    api.refused("POST", &format!("{HALL_1}/disable"), &json!(null), 403).await;
    api.database.close().await;
}

#[tokio::test]
async fn a_divergence_is_shown_with_advice_and_decided_for_a_listed_process() {
    let mut api = Api::start().await;
    api.refused("GET", &format!("{HALL_1}/divergence"), &json!(null), 404).await;
    api.sql(
        "UPDATE sync_ledger SET instance_starts = 3, instance_id = 12648430, epoch = 2;
         INSERT INTO divergences (agent_id, epoch, reason, fork_seq, mark, text, first_seen_at, last_seen_at)
            VALUES (1, 2, 'copied', 5, 7, 'two processes', '2026-03-10T22:00:00Z', '2026-03-10T23:00:00Z');
         UPDATE sync_ledger SET divergence_id = (SELECT max(id) FROM divergences);
         INSERT INTO divergence_instances (divergence_id, starts, id, host, listened_to, newest_seq, first_seen_at, last_seen_at)
            SELECT max(id), 3, 12648430, 'pc-7', true, 9, '2026-03-10T22:00:00Z', '2026-03-10T23:00:00Z' FROM divergences;",
    )
    .await;
    let found = api.get(&format!("{HALL_1}/divergence")).await;
    assert_eq!(
        (&found["reason"], &found["fork_seq"], &found["committed_seq"]),
        (&json!("copied"), &json!(5), &json!(7))
    );
    assert!(found["advice"].as_str().unwrap().contains("counted a second time"));
    assert_eq!(found["instances"][0]["instance"], "3/0000000000c0ffee");
    let resolve = format!("{HALL_1}/divergence/resolve");
    let detail = api.refused("POST", &resolve, &json!({ "accept": "nonsense" }), 400).await;
    assert!(detail.starts_with("accept: "), "{detail}");
    let detail = api.refused("POST", &resolve, &json!({ "accept": "4/0000000000000001" }), 409).await;
    assert!(detail.contains("known to this divergence"), "{detail}");
    api.asked_by(Role::Manager, Plants::All).await;
    api.refused("POST", &resolve, &json!({ "accept": "3/0000000000c0ffee" }), 403).await;
    api.asked_by(Role::Administrator, Plants::All).await;
    let (status, done) = api.status_of("POST", &resolve, &json!({ "accept": "3/0000000000c0ffee" })).await;
    assert_eq!((status, &done["epoch"], &done["after_seq"]), (200, &json!(3), &json!(7)), "{done}");
    let agent = api.get(HALL_1).await;
    assert_eq!(
        (&agent["divergence"], &agent["decided_divergence"]["resolved_by"]),
        (&json!(null), &json!("administrator-3")),
        "{agent}"
    );
    let detail = api.refused("POST", &resolve, &json!({ "accept": "3/0000000000c0ffee" }), 409).await;
    assert!(detail.contains("decided already, by administrator-3"), "of two who decide at once, one decides: {detail}");
    let again = json!({ "accept": "3/0000000000c0ffee", "again": true });
    let (status, done) = api.status_of("POST", &resolve, &again).await;
    assert_eq!((status, &done["epoch"]), (200, &json!(4)), "{done}");
    let found = api.get(&format!("{HALL_1}/divergence")).await;
    assert_eq!((&found["resolved_by"], &found["instances"][0]["accepted"]), (&json!("administrator-3"), &json!(true)));
    api.database.close().await;
}

#[tokio::test]
async fn losses_are_listed_and_what_was_set_aside_is_released() {
    let mut api = Api::start().await;
    api.sql(
        "INSERT INTO gaps SELECT '2026-03-10T12:00:00Z'::timestamptz + n * interval '1 minute', '2026-03-10', 1, 1, NULL, 1, 1,
                n, 'wrong', 'buffer_full', 'telemetry', 12, '2026-03-10T12:00:00Z', '2026-03-10T12:03:50Z', 'thinned'
            FROM generate_series(1, 5) n;
         INSERT INTO rejected_frames (agent_id, error, frame, frame_bytes, received_at)
            VALUES (1, 'no magic', '\\x00', 1, '2026-03-10T12:00:00Z');
         INSERT INTO quarantined_events (plant_id, agent_id, epoch, seq, reason, detail, at_us, clock, monotonic_boot,
                monotonic_us, origin_kind, origin_name, kind, body, received_at)
            SELECT 1, 1, 1, n, 'future', 'a clock', 9000000000000000 + n, 0, 1, 1, 'machine', 'press', 0, '',
                '2026-03-10T12:00:00Z' FROM generate_series(1, 3) n;",
    )
    .await;
    let pages = async |path: &str, items: &str| {
        let mut paged: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = api.get(&format!("{path}?limit=2{cursor}")).await;
            paged.extend(page[items].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return paged,
            }
        }
    };
    let gaps = pages(&format!("{HALL_1}/gaps"), "gaps").await;
    let seqs: Vec<i64> = gaps.iter().map(|gap| gap["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, [5, 4, 3, 2, 1]);
    assert_eq!((&gaps[0]["cause"], &gaps[0]["machine"]), (&json!("buffer_full"), &json!("press")));
    assert_eq!(pages("/quarantined-events", "quarantined_events").await.len(), 3);
    assert_eq!(api.get(&format!("{HALL_1}/rejected-frames")).await["rejected_frames"][0]["error"], "no magic");
    assert_eq!(api.get("/quarantined-events?reason=out_of_range").await["quarantined_events"], json!([]));

    let release = |reason: &str| json!({ "plant": "north", "reason": reason });
    let detail = api.refused("POST", "/quarantined-events/release", &release("nonsense"), 400).await;
    assert!(detail.contains("expected one of"), "{detail}");
    let (status, done) = api.status_of("POST", "/quarantined-events/release", &release("future")).await;
    assert_eq!((status, done), (200, json!({ "facts": 3, "held": 0 })));
    assert_eq!(api.get("/quarantined-events").await["quarantined_events"], json!([]));
    for cursor in ["x", "1/2", "99999999999999999999/1/1", "9000000000000000000/1/1"] {
        api.refused("GET", &format!("{HALL_1}/gaps?cursor={cursor}"), &json!(null), 400).await;
    }
    api.asked_by(Role::Administrator, Plants::Only(vec![2].into())).await;
    assert_eq!(api.get("/quarantined-events").await["quarantined_events"], json!([]));
    api.refused("GET", &format!("{HALL_1}/gaps"), &json!(null), 404).await;
    api.refused("GET", &format!("{HALL_1}/rejected-frames"), &json!(null), 404).await;
    api.refused("POST", "/quarantined-events/release", &release("future"), 404).await;
    api.database.close().await;
}

#[tokio::test]
async fn a_machine_is_transferred_to_an_enabled_agent_of_its_plant() {
    let mut api = Api::start().await;
    api.sql(
        "INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enabled) VALUES
            ('00000000-0000-4000-8000-000000000002', 1, 'hall-2', sha256('2'), true),
            ('00000000-0000-4000-8000-000000000003', 2, 'far', sha256('3'), true),
            ('00000000-0000-4000-8000-000000000004', 1, 'off', sha256('4'), false)",
    )
    .await;
    let to = |n: i32| json!({ "agent": format!("00000000-0000-4000-8000-00000000000{n}") });
    for n in [3, 4, 5] {
        api.refused("POST", "/machine-settings/1/transfer", &to(n), 400).await;
    }
    let (status, done) = api.status_of("POST", "/machine-settings/1/transfer", &to(2)).await;
    assert_eq!((status, &done["machine"]["agent"], &done["machine"]["version"]), (200, &json!("hall-2"), &json!(2)));
    api.asked_by(Role::Manager, Plants::All).await;
    api.refused("POST", "/machine-settings/1/transfer", &to(1), 403).await;
    api.asked_by(Role::Administrator, Plants::Only(vec![2].into())).await;
    api.refused("POST", "/machine-settings/1/transfer", &to(3), 404).await;
    api.database.close().await;
}
