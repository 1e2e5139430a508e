//! The simulated plant as a program: what `make demo` runs in place of real machines.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use black_box::plant::{Plant, PlantSettings};
use clap::Parser;
use process::lifecycle::StopSignals;

/// Simulates a small plant: two Modbus TCP machines and, with a broker, three MQTT machines.
///
/// Each machine's true count is in `STATE_DIR/MACHINE.json`; the same folder again continues with the same counts.
#[derive(Debug, Parser)]
#[command(name = "simulated-plant", version)]
struct Arguments {
    /// Where the machines keep their counts.
    #[arg(long, env = "PLANT_STATE_DIR")]
    state_dir: PathBuf,
    /// The same seed gives the same machines.
    #[arg(long, env = "PLANT_SEED", default_value_t = 1)]
    seed: u64,
    /// Multiplies every machine's pace.
    #[arg(long, env = "PLANT_SPEED", default_value_t = 1.0)]
    speed: f64,
    /// Multiplies how long runs and stops last, but for every machine's first run.
    #[arg(long, env = "PLANT_STRETCH", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    stretch: u64,
    /// Where press-1 and press-2 listen for Modbus TCP.
    #[arg(long, env = "PLANT_MODBUS", num_args = 2, value_delimiter = ',', default_values = ["127.0.0.1:15021", "127.0.0.1:15022"])]
    modbus: Vec<SocketAddr>,
    /// `HOST:PORT` of the MQTT broker; without it only the Modbus machines are there.
    #[arg(long, env = "PLANT_BROKER", value_parser = host_and_port)]
    broker: Option<(String, u16)>,
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
    Ok((host.to_owned(), port.parse().map_err(|_| format!("{port:?} is not a port"))?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    process::logging::start(process::logging::Format::Text, "info");
    let arguments = Arguments::parse();
    let [first, second] = arguments.modbus[..] else { unreachable!("clap asks for two") };
    let settings = PlantSettings {
        state_dir: arguments.state_dir,
        seed: arguments.seed,
        speed: arguments.speed,
        stretch: arguments.stretch,
        held: false,
        modbus: [first, second],
        broker: arguments.broker,
    };
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: PlantSettings) -> anyhow::Result<()> {
    let signals = StopSignals::listen();
    let mut plant = Plant::start(settings).await?;
    tracing::info!(press_1 = %plant.modbus[0], press_2 = %plant.modbus[1], "the plant works");
    tokio::select! {
        () = signals.stop.cancelled() => {}
        error = plant.failed() => return Err(error),
    }
    plant.end(Duration::from_secs(2)).await;
    Ok(())
}
