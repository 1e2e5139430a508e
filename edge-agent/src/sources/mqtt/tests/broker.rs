//! A mosquitto of its own, and a client that publishes to it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use rumqttc_v4::mqttbytes::{QoS, v4};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Broker {
    pub(super) folder: TempDir,
    pub(super) port: u16,
    configuration: String,
    child: Child,
}

impl Broker {
    pub(super) async fn start(extra: &str) -> Broker {
        let folder = tempfile::tempdir().unwrap();
        Broker::start_in(folder, "allow_anonymous true", extra).await
    }

    pub(super) async fn start_in(folder: TempDir, listener: &str, extra: &str) -> Broker {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!("user root\n{extra}\nlistener {port} 127.0.0.1\n{listener}\n");
        let child = spawn(folder.path(), &configuration);
        let broker = Broker { folder, port, configuration, child };
        broker.ready().await;
        broker
    }

    async fn ready(&self) {
        let up = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.expect("mosquitto starts");
    }

    /// Stops it as an administrator does; with persistence it writes its sessions down.
    pub(super) fn stop(&mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap();
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) async fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), &self.configuration);
        self.ready().await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, configuration: &str) -> Child {
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, configuration).unwrap();
    Command::new("/usr/sbin/mosquitto")
        .arg("-c")
        .arg(file)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto is installed")
}

/// A way to the broker that can be cut.
pub(super) struct Wire {
    pub(super) port: u16,
    cut: tokio::sync::broadcast::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    pub(super) async fn to(broker: &Broker) -> Wire {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, far) = (listener.local_addr().unwrap().port(), broker.port);
        let cut = tokio::sync::broadcast::Sender::new(1);
        let cuts = cut.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", far)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Wire { port, cut, task }
    }

    /// What is under way is lost, in both directions.
    pub(super) fn cut(&self) {
        let _ = self.cut.send(());
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client with nothing between the test and the packets.
pub(super) struct Client {
    stream: TcpStream,
    input: BytesMut,
}

impl Client {
    pub(super) async fn connect(broker: &Broker, id: &str) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", broker.port)).await.unwrap();
        let mut client = Client { stream, input: BytesMut::new() };
        let mut connect = v4::Connect::new(id);
        connect.keep_alive = 60;
        connect.clean_session = true;
        client.send(v4::Packet::Connect(connect)).await;
        assert!(matches!(client.receive().await, v4::Packet::ConnAck(_)));
        client
    }

    async fn send(&mut self, packet: v4::Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub(super) async fn receive(&mut self) -> v4::Packet {
        let receiving = async {
            loop {
                if let Ok(packet) = v4::Packet::read(&mut self.input, usize::MAX) {
                    return packet;
                }
                assert_ne!(self.stream.read_buf(&mut self.input).await.unwrap(), 0, "the broker closed");
            }
        };
        tokio::time::timeout(PATIENCE, receiving).await.expect("a packet comes")
    }

    /// Publishes at quality of service 1 and waits until the broker has it.
    pub(super) async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        let mut publish = v4::Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = 7;
        publish.retain = retain;
        self.send(v4::Packet::Publish(publish)).await;
        loop {
            match self.receive().await {
                v4::Packet::PubAck(_) => return,
                v4::Packet::Publish(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(super) async fn subscribe(&mut self, filter: &str) {
        let mut subscribe = v4::Subscribe::new(filter, QoS::AtMostOnce);
        subscribe.pkid = 3;
        self.send(v4::Packet::Subscribe(subscribe)).await;
        assert!(matches!(self.receive().await, v4::Packet::SubAck(_)));
    }

    pub(super) async fn message(&mut self) -> (String, Vec<u8>) {
        match self.receive().await {
            v4::Packet::Publish(publish) => {
                (String::from_utf8(publish.topic.to_vec()).unwrap(), publish.payload.to_vec())
            }
            other => panic!("{other:?}"),
        }
    }
}
