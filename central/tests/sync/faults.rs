//! Many agents at once, a database that goes away, requests that are too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use protocol::limits::FRAME_BYTES_MAX;

use crate::agent::Central;
use crate::support::database;

#[tokio::test(flavor = "multi_thread")]
async fn many_agents_share_transactions_and_none_loses_a_piece() {
    let central = Central::start(database().await.pool).await;
    let mut tasks = Vec::new();
    for number in 0..20 {
        let mut agent = central.agent(&format!("agent-{number}")).await;
        tasks.push(tokio::spawn(async move {
            for round in 0..10_u64 {
                agent.produce(50);
                agent.accept(round * 50 + 1, round * 50 + 50).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(central.pieces().await, 20 * 500);
    assert_eq!(central.count("SELECT count(*) FROM machine_live WHERE good = 500").await, 20);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_in_the_middle_of_a_transaction_lose_and_double_nothing() {
    const CUTS: usize = 25;
    let central = Central::start(database().await.pool).await;
    let cut_enough = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for number in 0..4 {
        let mut agent = central.agent(&format!("agent-{number}")).await;
        let cut_enough = cut_enough.clone();
        tasks.push(tokio::spawn(async move {
            agent.produce(3_000);
            let mut mark = 0;
            // The end is sent again and again while there is more to be cut.
            while mark < 3_000 || !cut_enough.load(Ordering::Relaxed) {
                let first = mark.min(2_850) + 1;
                let batch = agent.batch(first, first + 149);
                match agent.send(&batch).await {
                    (StatusCode::OK, Ok(reply)) => mark = reply.acknowledged.0,
                    (StatusCode::SERVICE_UNAVAILABLE, _) => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => panic!("{other:?}"),
                }
            }
        }));
    }
    // So many and no more: on a slow machine no transaction would ever come to its end.
    let mut cuts = 0;
    while cuts < CUTS {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL LIMIT 1";
        let cut = sqlx::query_scalar::<_, bool>(cut).fetch_optional(&central.pool).await;
        cuts += usize::from(matches!(cut, Ok(Some(true))));
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    cut_enough.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(central.pieces().await, 4 * 3_000);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_memory_bound_agents_are_told_to_come_back() {
    let central = Central::start_with(database().await.pool, |settings| settings.batch_bytes_max = 16 * 1024).await;
    let mut agent = central.agent("a").await;
    agent.produce(2_000);
    let batch = agent.batch(1, 2_000);
    let (status, reply) = agent.send(&batch).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.unwrap_err().contains("busy"));
    agent.accept(1, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_and_kept_for_a_look() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(1);
    let (status, _) = agent.line.post("/agent/v1/sync", Bytes::from_static(b"no frame at all")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let mut newer = protocol::codec::encode(&agent.batch(1, 1)).unwrap();
    newer[4] = 200;
    let (status, body) = agent.line.post("/agent/v1/sync", newer.into()).await;
    assert_eq!(status, StatusCode::UPGRADE_REQUIRED, "{}", String::from_utf8_lossy(&body));
    for _ in 0..20 {
        agent.line.post("/agent/v1/sync", Bytes::from_static(b"SFM\0nonsense")).await;
    }
    assert_eq!(central.count("SELECT count(*) FROM rejected_frames").await, 8, "bounded");
    agent.accept(1, 1).await;
    let too_much = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
    match agent.line.try_post("/agent/v1/sync", too_much).await {
        Ok((status, _)) => assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE),
        // Refused by its announced length, the connection may be closed while it is still being written.
        Err(error) => assert!(error.is::<hyper::Error>(), "{error}"),
    }
    let (status, _) = {
        agent.reconnect().await;
        agent.line.post("/nothing", Bytes::new()).await
    };
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_are_behind_are_sent_the_plants_master_data() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(1);
    // Registering its machine is a new revision: it comes with the next reply at the latest.
    agent.revision = agent.sync(1, 1).await.master_data_revision;
    let reply = agent.sync(2, 1).await;
    agent.revision = reply.master_data_revision;
    assert_eq!(reply.master_data.unwrap().machines[0].name, agent.machine);
    assert_eq!(agent.sync(2, 1).await.master_data, None);
    sqlx::query("INSERT INTO reasons (plant_id, code, applies_to) VALUES (1, 'jam', 'downtime')")
        .execute(&central.pool)
        .await
        .unwrap();
    let reply = agent.sync(2, 1).await;
    assert_eq!(reply.master_data_revision, agent.revision + 1);
    assert_eq!(reply.master_data.unwrap().reasons[0].code, "jam");
}
