//! What stands between central and PostgreSQL, and can cut them off from each other: a network that goes away, by refusing
//! connections or by falling silent.

use std::net::SocketAddr;
use std::path::PathBuf;

use central::database::Database;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Works,
    /// Nothing arrives, and nobody says so.
    Silent,
    Refuses,
}

/// A way to a test's database over TCP.
#[derive(Debug)]
pub struct Way {
    /// Of the same database, on this way.
    pub url: String,
    network: watch::Sender<Network>,
    _listening: JoinSet<()>,
}

impl Way {
    pub async fn to(database: &Database) -> Way {
        let options = database.pool.connect_options();
        let (folder, name) = (options.get_socket().unwrap().clone(), options.get_database().unwrap().to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (network, state) = watch::channel(Network::Works);
        let mut listening = JoinSet::new();
        listening.spawn(listen(Some(listener), address, folder.join(".s.PGSQL.5432"), state));
        let url = format!("postgresql://central@{address}/{name}?sslmode=disable");
        Way { url, network, _listening: listening }
    }

    /// Ends every connection; further ones are refused.
    pub fn refuse(&self) {
        self.network.send_replace(Network::Refuses);
    }

    /// Whatever is sent from here on is lost.
    pub fn fall_silent(&self) {
        self.network.send_replace(Network::Silent);
    }

    pub fn work(&self) {
        self.network.send_replace(Network::Works);
    }
}

async fn listen(
    mut listener: Option<TcpListener>,
    address: SocketAddr,
    socket: PathBuf,
    mut network: watch::Receiver<Network>,
) {
    let mut connections = JoinSet::new();
    loop {
        let now = *network.borrow_and_update();
        if now == Network::Refuses {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = Some(TcpListener::bind(address).await.unwrap());
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.unwrap().0,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            mut client = accepted => {
                let (socket, mut network) = (socket.clone(), network.clone());
                connections.spawn(async move {
                    until(&mut network, |it| it != Network::Silent).await;
                    let Ok(mut server) = UnixStream::connect(socket).await else { return };
                    let passed_on = tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => true,
                        () = until(&mut network, |it| it == Network::Silent) => false,
                    };
                    if !passed_on {
                        // Nothing is said of it: both ends stay open.
                        std::future::pending::<()>().await;
                    }
                });
            }
            _ = network.changed() => {}
        }
    }
}

async fn until(network: &mut watch::Receiver<Network>, is: impl Fn(Network) -> bool) {
    let _ = network.wait_for(|it| is(*it)).await;
}
