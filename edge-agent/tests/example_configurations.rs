//! Every file in `config/` that is meant for the agent is right.

use edge_agent::configuration::Configuration;

#[test]
fn every_example_is_accepted() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".toml") || name.starts_with("central") {
            continue;
        }
        if let Err(error) = process::configuration::read::<Configuration>(&file) {
            panic!("{error}");
        }
        tried += 1;
    }
    assert!(tried > 0, "no examples in {folder}");
}
