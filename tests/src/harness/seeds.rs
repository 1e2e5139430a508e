//! Random faults that can be repeated: `SEED=7` runs that one alone, `SEEDS=50` the first fifty.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// The seeds to run; `default` of them unless the environment says otherwise.
#[must_use]
pub fn seeds(default: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("SEED"), number("SEEDS")) {
        (Some(one), _) => vec![one],
        (None, many) => (1..=many.unwrap_or(default)).collect(),
    }
}

#[must_use]
pub fn random(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}
