//! Who is let in, and who is not.

use hyper::StatusCode;
use protocol::enrolment::EnrolmentReply;
use protocol::id::AgentId;

use crate::agent::{Central, Line, TEST, new_key};
use crate::support::database;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_asking_again_with_the_same_key_gives_the_same_answer() {
    let central = Central::start(database().await.pool).await;
    central.invite("a", [7; 10]).await;
    let key = new_key();
    let mut line = Line::open(central.address, central.key, &key).await;
    let (status, first) = line.enrol(&[7; 10]).await;
    assert_eq!(status, StatusCode::OK);
    let (status, again) = line.enrol(&[7; 10]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(first, again);
    let reply: EnrolmentReply = serde_json::from_slice(&first).unwrap();
    assert_eq!((reply.name.as_str(), reply.plant.as_str()), ("a", "main"));
    let mut other = Line::open(central.address, central.key, &new_key()).await;
    let (status, body) = other.enrol(&[7; 10]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(String::from_utf8_lossy(&body).contains("used already"));
    let stored =
        central.count("SELECT count(*) FROM enrolment_invitations WHERE secret_hash = decode(repeat('07', 10), 'hex')");
    assert_eq!(stored.await, 0, "the secret itself is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_expired_codes_are_refused_and_too_many_slow_everybody_down() {
    let central = Central::start(database().await.pool).await;
    central.invite("a", [7; 10]).await;
    central.clock.advance_us(3_601 * 1_000_000);
    let mut line = Line::open(central.address, central.key, &new_key()).await;
    let (status, body) = line.enrol(&[7; 10]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(String::from_utf8_lossy(&body).contains("expired"));
    for attempt in 0..40_u8 {
        let (status, _) = line.enrol(&[attempt; 10]).await;
        if attempt >= 30 {
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_enrolled_and_a_batch_of_another_agent_are_refused() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(1);
    let mut batch = agent.batch(1, 1);
    batch.agent = AgentId(uuid::Uuid::nil());
    assert_eq!(agent.send(&batch).await.0, StatusCode::FORBIDDEN);
    agent.line = Line::open(central.address, central.key, &new_key()).await;
    let batch = agent.batch(1, 1);
    let (status, reply) = agent.send(&batch).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(reply.unwrap_err().contains("no agent is enrolled with the key"));
    assert_eq!(central.pieces().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_key_does_not_get_through_the_handshake() {
    let central = Central::start(database().await.pool).await;
    let opened = Line::try_open(central.address, central.key, None).await;
    // In TLS 1.3 a client learns of it with its first read.
    let refused = match opened {
        Err(_) => true,
        Ok(mut line) => line.try_post("/agent/v1/sync", bytes::Bytes::new()).await.is_err(),
    };
    assert!(refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_computer_takes_over_the_machines_of_the_one_that_was_disabled() {
    let central = Central::start(database().await.pool).await;
    let mut old = central.agent("a").await;
    old.produce(1);
    old.accept(1, 1).await;
    central::agents::store::set_enabled(&central.pool, 1, false, (central.now(), &TEST)).await.unwrap();
    let mut new = central.agent("a").await;
    new.produce(2);
    new.accept(1, 2).await;
    assert_eq!(central.pieces().await, 3);
    assert_eq!(central.count("SELECT count(*) FROM machines").await, 1);
}
