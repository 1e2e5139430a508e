//! Waiting for something to become true. Never for time to pass.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

/// Long enough for a loaded machine; nobody waits so long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until the answer is `Ok(Some(_))`, for at most `patience`; then fails with what was answered last.
pub async fn within<T, F>(patience: Duration, what: &str, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
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
pub async fn until<T, F>(what: &str, ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    within(PATIENCE, what, ask).await
}

/// Asks until the answer equals `expected`; fails with the last answer.
pub async fn until_equal<T, F>(what: &str, expected: T, mut ask: impl FnMut() -> F) -> anyhow::Result<()>
where
    T: PartialEq + Debug,
    F: Future<Output = anyhow::Result<T>>,
{
    let expected = &expected;
    until(what, || {
        let answer = ask();
        async move {
            let found = answer.await?;
            if found == *expected { Ok(Some(())) } else { Err(anyhow::anyhow!("{found:?}, expected {expected:?}")) }
        }
    })
    .await
}
