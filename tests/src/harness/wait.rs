//! Waiting for something to become true. Never for time to pass.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

/// Long enough for a loaded machine; nobody waits so long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until the answer is `Ok(Some(_))`, for at most `patience`; then fails with what was answered last.
pub async fn within<T>(
    patience: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        let answer = ask().await;
        if let Ok(Some(found)) = answer {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            let last = answer.map(|_| "not yet".to_owned()).unwrap_or_else(|error| format!("{error:#}"));
            anyhow::bail!("waited {patience:?} for {what}: {last}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// [`within`] the usual patience.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    within(PATIENCE, what, ask).await
}

/// Asks until the answer equals `expected`; fails with the last answer.
pub async fn until_equal<T: PartialEq + Debug>(
    what: &str,
    expected: T,
    mut ask: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<()> {
    until(what, async || {
        let found = ask().await?;
        if found == expected { Ok(Some(())) } else { Err(anyhow::anyhow!("{found:?}, expected {expected:?}")) }
    })
    .await
}
