//! Who should be told is told: once of the beginning, once of the end, whatever dies in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use black_box::harness::postgres::Cluster;
use black_box::harness::program::Ran;
use black_box::harness::receivers::{Mail, MailServer, Security, WebhookReceiver};
use black_box::harness::truth::Truth;
use black_box::harness::worker::Worker;
use black_box::harness::{Site, wait};

const QUICK: &str = "[worker]\nlease_s = 3\n";

/// A plant with an agent and machines that have called for help, as ingest writes it.
async fn calls(truth: &Truth, machines: i64) -> anyhow::Result<()> {
    truth
        .execute(&format!(
            "INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Vienna');
             INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
                 SELECT gen_random_uuid(), id, 'hall-1', sha256('key') FROM plants;
             INSERT INTO machines (plant_id, name, agent_id)
                 SELECT a.plant_id, 'press-' || n, a.id FROM agents a, generate_series(1, {machines}) n;
             INSERT INTO alarms (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, subject, code, text, active)
                 SELECT now(), current_date, plant_id, id, agent_id, 1, id, 'synchronized', name, 'call_for_help',
                        '<b>jam</b>', true FROM machines;"
        ))
        .await
}

async fn channel(truth: &Truth, kind: &str, address: &str, secret: &str) -> anyhow::Result<()> {
    let secret = if secret.is_empty() { "NULL".to_owned() } else { format!("'{secret}'") };
    truth
        .execute(&format!(
            "INSERT INTO alert_channels (plant_id, kind, address, secret, created_at, created_by)
             SELECT id, '{kind}', '{address}', {secret}, now(), 'test' FROM plants"
        ))
        .await
}

/// Sends the work that follows from the alarms, as ingest does.
const RAISED: &str =
    "SELECT pgmq.send('background_jobs', jsonb_build_object('kind', 'alarms_raised', 'plant_id', plant_id,
        'agent_id', agent_id, 'epoch', 1, 'first_seq', id, 'last_seq', id, 'count', 1, 'reason', NULL))
    FROM machines ORDER BY id; SELECT pg_notify('work', '')";
const UNDONE: &str =
    "SELECT (SELECT count(*) FROM pgmq.q_background_jobs) + (SELECT count(*) FROM pgmq.q_email_notifications)";

#[tokio::test(flavor = "multi_thread")]
async fn killed_workers_lose_nothing_and_open_nothing_twice() -> anyhow::Result<()> {
    const MACHINES: i64 = 150;
    let cluster = Cluster::start().await?;
    let truth = Truth::of(cluster.pool()?);
    let server = MailServer::start(Security::None, 250).await?;
    calls(&truth, MACHINES).await?;
    channel(&truth, "email", "shift@plant.test", "").await?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let mut worker = Worker::new(cluster.url(), &format!("{QUICK}{}", server.section()))?;
        worker.resume()?;
        workers.push(worker);
    }
    truth.execute(RAISED).await?;
    let mut kills = 0;
    for round in 0..8 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        workers[round % 2].kill();
        kills += 1;
        workers[round % 2].resume()?;
    }
    wait::until_equal("all work to be done", 0, || truth.number(UNDONE)).await?;
    let number = async |sql: &str| truth.number(sql).await;
    assert_eq!(number("SELECT count(*) FROM incidents WHERE resolved_at IS NULL").await?, MACHINES);
    assert_eq!(number("SELECT count(*) FROM incidents").await?, MACHINES);
    assert_eq!(number("SELECT count(*) FROM alert_deliveries WHERE state = 'sent'").await?, MACHINES);
    assert_eq!(number("SELECT count(*) FROM alert_deliveries").await?, MACHINES);
    assert_eq!(number("SELECT count(*) FROM pgmq.q_dlq").await?, 0);
    let mails = server.mails()?;
    let different: BTreeSet<&str> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
    assert_eq!(different.len(), usize::try_from(MACHINES)?, "every incident is told of");
    // Only what was between the server's 250 and our commit when its worker died may have come twice.
    assert!(mails.len() - different.len() <= kills * 4, "{} mails of {}", mails.len(), different.len());
    for mut worker in workers {
        worker.until_it_works().await?;
        assert!(worker.stop(), "{}", worker.log());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_is_waited_for_and_an_unknown_mailbox_is_given_up() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let truth = Truth::of(cluster.pool()?);
    let mut server = MailServer::start(Security::None, 0).await?;
    calls(&truth, 1).await?;
    channel(&truth, "email", "shift@plant.test", "").await?;
    channel(&truth, "email", "unknown@plant.test", "").await?;
    server.kill();
    let mut worker = Worker::new(cluster.url(), &format!("{QUICK}{}", server.section()))?;
    worker.resume()?;
    truth.execute(RAISED).await?;
    let failed =
        "SELECT count(DISTINCT delivery_id) FROM alert_delivery_attempts WHERE error LIKE '%did not take the mail%'";
    wait::until_equal("the first attempts to fail", 2, || truth.number(failed)).await?;
    server.resume().await?;
    wait::until_equal("the mail to arrive", 1, async || Ok(server.mails()?.len())).await?;
    wait::until_equal("the other to be given up", 1, || truth.number("SELECT count(*) FROM pgmq.q_dlq")).await?;

    let letters = Ran::of(&mut worker.command(&["work", "dead-letters", "--json"]))?.json()?;
    assert_eq!(letters[0]["kind"], "send_mail");
    assert_eq!(letters[0]["queue"], "email_notifications");
    assert!(letters[0]["error"].as_str().unwrap_or_default().contains("no such mailbox"), "{letters}");
    assert!(letters[0]["errors"].as_array().unwrap().len() >= 2, "with its history: {letters}");
    let id = letters[0]["id"].to_string();
    Ran::of(&mut worker.command(&["work", "replay", &id]))?.success()?;
    let again = "SELECT count(*) FROM pgmq.q_dlq WHERE msg_id > 1";
    wait::until_equal("it to be given up again", 1, || truth.number(again)).await?;
    Ran::of(&mut worker.command(&["work", "discard", "2"]))?.success()?;
    assert!(Ran::of(&mut worker.command(&["work", "discard", "2"]))?.success().is_err(), "only once");
    assert_eq!(server.mails()?.len(), 1);

    let mail = &server.mails()?[0];
    assert!(mail.subject.contains("press-1: somebody is called for"), "{mail:?}");
    assert!(mail.text.contains("multipart/alternative"), "{}", mail.text);
    assert!(mail.text.contains("Detail: <b>jam</b>"), "plain text is plain: {}", mail.text);
    assert!(mail.text.contains("&lt;b&gt;jam&lt;/b&gt;"), "HTML is escaped: {}", mail.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_signed_tried_again_and_logged() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let truth = Truth::of(cluster.pool()?);
    let flaky = WebhookReceiver::start("whispered", &["503", "429:3", "200"]).await?;
    let refusing = WebhookReceiver::start("other", &["410"]).await?;
    let elsewhere = WebhookReceiver::start("third", &["302", "200"]).await?;
    calls(&truth, 1).await?;
    channel(&truth, "webhook", &flaky.url(), "whispered").await?;
    channel(&truth, "webhook", &refusing.url(), "other").await?;
    channel(&truth, "webhook", &elsewhere.url(), "third").await?;
    let mut worker = Worker::new(cluster.url(), QUICK)?;
    worker.resume()?;
    truth.execute(RAISED).await?;
    let sent = "SELECT count(*) FROM alert_deliveries WHERE state = 'sent'";
    wait::until_equal("the flaky one to take it", 1, || truth.number(sent)).await?;
    let failed = "SELECT count(*) FROM alert_deliveries WHERE state = 'failed'";
    wait::until_equal("the others to be given up", 2, || truth.number(failed)).await?;

    let requests = flaky.requests()?;
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request["genuine"] == true), "{requests:?}");
    assert!(requests.iter().all(|request| request["delivery"] == requests[0]["delivery"]), "{requests:?}");
    let at = |index: usize| requests[index]["timestamp"].as_i64().unwrap();
    assert!(at(2) - at(1) >= 3, "Retry-After is kept: {requests:?}");
    let body = &requests[2]["body"];
    assert_eq!((&body["notice"], &body["incident"]["kind"]), (&"opened".into(), &"call_for_help".into()));
    assert_eq!(body["incident"]["detail"], "<b>jam</b>");
    assert_eq!(refusing.requests()?.len(), 1, "a final answer is final");
    let redirected = elsewhere.requests()?;
    assert_eq!((redirected.len(), &redirected[0]["path"]), (1, &"/hook".into()), "redirects are not followed");

    let logged: Vec<(i32, i32)> = sqlx::query_as(
        "SELECT a.status, length(a.answer) FROM alert_delivery_attempts a JOIN alert_deliveries d ON d.id = a.delivery_id
         WHERE d.state = 'sent' ORDER BY a.at",
    )
    .fetch_all(&truth.pool)
    .await?;
    assert_eq!(logged, [(503, 500), (429, 500), (200, 500)], "with the first bytes of each answer");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_agent_is_told_of_once_and_once_when_it_is_back() -> anyhow::Result<()> {
    let server = MailServer::start(Security::StarttlsAndLogin, 0).await?;
    let mut site = Site::start().await?;
    let mut agent = site.enrol("line-1", "[[machine]]\nname = \"filler-1\"\n").await?;
    agent.resume()?;
    site.truth.execute("UPDATE alert_rules SET threshold_s = 10 WHERE kind = 'agent_silent'").await?;
    channel(&site.truth, "email", "shift@plant.test", "").await?;
    channel(&site.truth, "email", "boss@plant.test", "").await?;
    let configuration = site.folder.path().join("central.toml");
    std::fs::write(&configuration, server.section())?;
    assert!(site.central.stop());
    site.central.set("CENTRAL_CONFIG", configuration.display().to_string());
    site.central.set("SSL_CERT_FILE", server.certificate().display().to_string());
    site.central.resume().await?;
    let heard = "SELECT count(*) FROM agent_status WHERE last_sync_at > now() - interval '3 seconds'";
    wait::until_equal("the agent to be heard", 1, || site.truth.number(heard)).await?;

    agent.kill();
    wait::until_equal("both to be told", 2, async || Ok(server.mails()?.len())).await?;
    agent.resume()?;
    wait::until_equal("both to be told of the end", 4, async || Ok(server.mails()?.len())).await?;
    let mails = server.mails()?;
    assert!(mails.iter().all(|mail| mail.tls), "{mails:?}");
    let mut by_recipient: BTreeMap<&str, Vec<&Mail>> = BTreeMap::new();
    for mail in &mails {
        by_recipient.entry(&mail.to).or_default().push(mail);
    }
    for (to, mails) in by_recipient {
        let [opened, resolved] = mails[..] else { panic!("{to} got {} mails", mails.len()) };
        assert!(opened.subject.contains("line-1: the agent is silent"), "{opened:?}");
        assert!(resolved.subject.contains("Over: line-1"), "{resolved:?}");
        assert_eq!(resolved.in_reply_to.as_deref(), Some(opened.message_id.as_str()));
    }
    assert_eq!(site.truth.number("SELECT count(*) FROM incidents").await?, 1);
    assert!(site.central.stop(), "{}", site.central.log());
    Ok(())
}
