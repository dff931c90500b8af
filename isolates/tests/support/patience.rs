//! How long tests wait for what has to come, before they take it for lost.

use std::time::Duration;

/// Two minutes, or as many seconds as `ROWEL_PATIENCE` says: under sanitizers all is slow.
pub fn patience() -> Duration {
    let told = std::env::var("ROWEL_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(told.unwrap_or(120))
}
