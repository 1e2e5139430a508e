//! A real process and real signals: each test sends them to itself.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::time::Duration;

use process::lifecycle::Lifecycle;

const SOON: Duration = Duration::from_secs(20);

fn send(signal: &str) {
    let sent = Command::new("kill").args([signal, &std::process::id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn a_hangup_while_the_process_starts_kills_nobody_and_is_not_lost() {
    let (lifecycle, supervisor) = Lifecycle::start();
    let ended = supervisor.run(async {
        send("-HUP");
        tokio::time::timeout(SOON, lifecycle.reload().changed()).await.expect("whoever is there already hears it")?;
        // As if only this began to follow the configuration.
        tokio::time::timeout(SOON, lifecycle.reload().changed()).await.expect("and whoever comes later")?;
        lifecycle.stop();
        Ok(())
    });
    let code = tokio::time::timeout(SOON, ended).await.expect("it stops").unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
}

#[tokio::test]
async fn a_task_that_fails_while_the_rest_starts_ends_the_start() {
    let (lifecycle, supervisor) = Lifecycle::start();
    let ended = supervisor.run(async {
        lifecycle.spawn("the database", async { anyhow::bail!("it does not come up") });
        // Waits for what only that task could do.
        std::future::pending::<()>().await;
        Ok(())
    });
    let code = tokio::time::timeout(SOON, ended).await.expect("it does not wait for ever").unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::FAILURE));
}
