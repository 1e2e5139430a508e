//! A publisher's connection to the broker: QoS 1, persistent session, one message at a time, told only once the broker
//! has acknowledged it.
//!
//! A message whose acknowledgement did not arrive is sent again; a broker that had it already passes it on twice. Nothing
//! in MQTT prevents that, so tests cut the broker from the agent, not from the machines.

use std::time::Duration;

use rumqttc_v4::{AsyncClient, Event, LastWill, MqttOptions, Packet, PublishOptions, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const RETRY: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub struct BrokerConnection {
    client: AsyncClient,
    task: JoinHandle<()>,
}

/// What the broker said.
#[derive(Debug)]
pub enum Incoming {
    Connected,
    Message { topic: String, payload: Vec<u8> },
}

impl BrokerConnection {
    /// Connects, and again whenever the connection ends, until dropped.
    #[must_use]
    pub fn open(
        client_id: &str,
        host: &str,
        port: u16,
        will: Option<LastWill>,
    ) -> (BrokerConnection, mpsc::UnboundedReceiver<Incoming>) {
        let mut options = MqttOptions::new(client_id, (host.to_owned(), port));
        options.set_keep_alive(20);
        options.set_clean_session(false);
        options.set_max_packet_size(1 << 20, 1 << 20);
        if let Some(will) = will {
            options.set_last_will(will);
        }
        let (client, mut events) = AsyncClient::builder(options).capacity(16).build();
        let (incoming, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let heard = match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => Incoming::Connected,
                    Ok(Event::Incoming(Packet::Publish(publish))) => Incoming::Message {
                        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                        payload: publish.payload.to_vec(),
                    },
                    Ok(_) => continue,
                    Err(error) => {
                        tracing::debug!(%error, "the connection to the broker ended");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                };
                // A publisher that expects nothing does not listen.
                let _ = incoming.send(heard);
            }
        });
        (BrokerConnection { client, task }, receiver)
    }

    /// Returns once the broker has acknowledged it.
    pub async fn publish(&self, topic: &str, payload: &[u8]) {
        loop {
            let options = PublishOptions::new(QoS::AtLeastOnce);
            if let Ok(notice) = self.client.publish_tracked(topic.to_owned(), payload.to_vec(), options).await
                && notice.wait_async().await.is_ok()
            {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Asks for messages; to be repeated after every [`Incoming::Connected`].
    pub async fn subscribe(&self, filter: &str) {
        if let Err(error) = self.client.subscribe(filter.to_owned(), QoS::AtLeastOnce).await {
            tracing::debug!(%error, filter, "cannot subscribe");
        }
    }
}

impl Drop for BrokerConnection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
