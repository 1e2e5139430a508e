//! `make bench`: the figures the product is held to, measured on this machine.

use std::process::ExitCode;

use black_box::bench::{self, BenchSettings};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    bench::run(BenchSettings::parse()).await
}
