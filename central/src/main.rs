fn main() -> std::process::ExitCode {
    central::cli::main()
}
