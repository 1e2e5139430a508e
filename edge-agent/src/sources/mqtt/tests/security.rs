use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::broker::Broker;
use super::world::{Agent, section};

const TOPIC: &str =
    "[[topic]]\nfilter = \"t\"\nformat = \"scalar\"\nmachine = \"m\"\n[[topic.signal]]\nsignal = \"s\"\n";

/// A broker with TLS, client certificates and passwords, and everything its clients need, in one folder.
async fn secure_broker() -> Broker {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.distinguished_name.push(DnType::CommonName, "Plant authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", ca.self_signed(&ca_key).unwrap().pem());
    let issuer = Issuer::new(ca, ca_key);
    for name in ["localhost", "agent-1"] {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    let stranger = KeyPair::generate().unwrap();
    write("stranger.pem", CertificateParams::new(vec![]).unwrap().self_signed(&stranger).unwrap().pem());
    let mut passwords = Command::new("mosquitto_passwd");
    passwords.args(["-b", "-c"]).arg(folder.path().join("passwords")).args(["edge", "right"]);
    assert!(passwords.status().unwrap().success());
    write("password", "right\n".to_owned());
    let path = folder.path().display().to_string();
    let listener = format!(
        "cafile {path}/ca.pem\ncertfile {path}/localhost.pem\nkeyfile {path}/localhost.key\nrequire_certificate true\n\
         allow_anonymous false\npassword_file {path}/passwords"
    );
    Broker::start_in(folder, &listener, "").await
}

fn credentials(broker: &Broker, ca: &str, password: &str) -> String {
    let path = broker.folder.path().display();
    format!(
        "username = \"edge\"\n{password}\n[tls]\nca_file = \"{path}/{ca}\"\ncertificate_file = \"{path}/agent-1.pem\"\n\
         key_file = \"{path}/agent-1.key\"\nserver_name = \"localhost\"\n{TOPIC}"
    )
}

#[tokio::test]
async fn tls_client_certificate_and_password_file_open_the_connection() {
    let broker = secure_broker().await;
    for version in ["3.1.1", "5"] {
        let file = format!("password_file = \"{}/password\"", broker.folder.path().display());
        let toml = format!("version = \"{version}\"\n{}", credentials(&broker, "ca.pem", &file));
        let mut agent = Agent::start(section(&broker, &toml));
        agent.connected().await;
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_authority_are_told_in_the_status() {
    let broker = secure_broker().await;
    for (version, ca, password, expected) in [
        ("3.1.1", "ca.pem", "password = \"wrong\"", "refused"),
        ("5", "ca.pem", "password = \"wrong\"", "refused"),
        ("5", "stranger.pem", "password = \"right\"", "TLS"),
        ("5", "missing.pem", "password = \"right\"", "cannot read the certificates"),
        ("5", "ca.pem", "password_file = \"/nowhere\"", "cannot read the password"),
    ] {
        let toml = format!("version = \"{version}\"\n{}", credentials(&broker, ca, password));
        let mut agent = Agent::start(section(&broker, &toml));
        agent.store_while_waiting(expected, |agent| agent.reason("broker").contains(expected)).await;
        agent.stop().await;
    }
}
