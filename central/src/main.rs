/// Decoding a batch makes many small values: see `make bench`, throughput.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    central::cli::main()
}
