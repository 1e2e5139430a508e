//! MQTT packets as this source needs them, the same for 3.1.1 and 5. Encoding and the rarer packets are rumqttc's; PUBLISH
//! is read here, so that one that is too large or has a strange topic can still be named and acknowledged.

use bytes::{Buf as _, Bytes, BytesMut};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::v5;

use super::WireError;
use crate::sources::mqtt::configuration::Version;

/// What a broker sends, after the connection is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    Publish(Publish),
    /// Its head could be read, its payload is malformed: `payload` is empty.
    Unreadable {
        publish: Publish,
        packet_bytes: usize,
    },
    /// Larger than allowed: its payload was skipped, `payload` is empty.
    Oversized {
        publish: Publish,
        packet_bytes: usize,
    },
    /// One word per filter: taken, or refused.
    SubAck(Vec<bool>),
    Pong,
    /// Of no interest.
    Other,
    Disconnect(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Publish {
    pub(crate) again: bool,
    pub(crate) retained: bool,
    /// None at quality of service 0.
    pub(crate) packet_id: Option<u16>,
    pub(crate) topic: Bytes,
    pub(crate) payload: Bytes,
}

#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    Connect(Box<Connect>),
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    PubAck(u16),
    /// At quality of service 0.
    Publish {
        topic: String,
        payload: Vec<u8>,
        retain: bool,
    },
    Ping,
    Disconnect,
}

#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) keep_alive_s: u16,
    pub(crate) session_expiry_s: u32,
    pub(crate) in_flight_max: u16,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) will: Option<Will>,
}

/// Published by the broker, retained, when the connection breaks.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// The broker's answer to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) session_present: bool,
    pub(crate) keep_alive_s: Option<u16>,
}

/// SUBSCRIBE and UNSUBSCRIBE are never under way together with anything else that needs an identifier.
const SUBSCRIBE_ID: u16 = 1;
const UNSUBSCRIBE_ID: u16 = 2;
const SIZE_MAX: usize = 16 * 1024 * 1024;

pub(super) const PUBLISH: u8 = 3;

/// Reads a PUBLISH from its first byte's flags and its body, or from the body's beginning where `whole` is false.
pub(super) fn publish(version: Version, flags: u8, mut body: Bytes, whole: bool) -> Result<Publish, WireError> {
    let malformed = || WireError::Malformed("PUBLISH");
    if body.len() < 2 {
        return Err(malformed());
    }
    let topic_bytes = usize::from(body.get_u16());
    if body.len() < topic_bytes {
        return Err(malformed());
    }
    let topic = body.split_to(topic_bytes);
    let packet_id = match (flags >> 1) & 3 {
        0 => None,
        1 | 2 if body.len() >= 2 => Some(body.get_u16()),
        _ => return Err(malformed()),
    };
    let mut publish =
        Publish { again: flags & 8 != 0, retained: flags & 1 != 0, packet_id, topic, payload: Bytes::new() };
    if !whole {
        return Ok(publish);
    }
    if version == Version::V5 {
        let (properties, length_bytes) = variable_length(&body).ok_or_else(malformed)?;
        if body.len() < length_bytes + properties {
            return Err(malformed());
        }
        body.advance(length_bytes + properties);
    }
    publish.payload = body;
    Ok(publish)
}

/// A variable byte integer, and how many bytes it took; none while it is not complete.
pub(super) fn variable_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Any packet but PUBLISH and CONNACK.
pub(super) fn other(version: Version, mut frame: BytesMut) -> Result<Incoming, WireError> {
    match version {
        Version::V311 => match v4::Packet::read(&mut frame, SIZE_MAX).map_err(unreadable)? {
            v4::Packet::SubAck(ack) => {
                let taken = |code: &v4::SubscribeReasonCode| !matches!(code, v4::SubscribeReasonCode::Failure);
                Ok(Incoming::SubAck(ack.return_codes.iter().map(taken).collect()))
            }
            v4::Packet::PingResp => Ok(Incoming::Pong),
            v4::Packet::Disconnect => Ok(Incoming::Disconnect("no reason given".to_owned())),
            _ => Ok(Incoming::Other),
        },
        Version::V5 => match v5::Packet::read(&mut frame, None).map_err(unreadable)? {
            v5::Packet::SubAck(ack) => {
                let taken = |code: &v5::SubscribeReasonCode| matches!(code, v5::SubscribeReasonCode::Success(_));
                Ok(Incoming::SubAck(ack.return_codes.iter().map(taken).collect()))
            }
            v5::Packet::PingResp => Ok(Incoming::Pong),
            v5::Packet::Disconnect(it) => Ok(Incoming::Disconnect(format!("{:?}", it.reason_code))),
            _ => Ok(Incoming::Other),
        },
    }
}

pub(super) fn accepted(version: Version, mut frame: BytesMut) -> Result<Accepted, WireError> {
    match version {
        Version::V311 => match v4::Packet::read(&mut frame, SIZE_MAX).map_err(unreadable)? {
            v4::Packet::ConnAck(ack) if ack.code == v4::ConnectReturnCode::Success => {
                Ok(Accepted { session_present: ack.session_present, keep_alive_s: None })
            }
            v4::Packet::ConnAck(ack) => Err(WireError::Refused(format!("{:?}", ack.code))),
            _ => Err(WireError::Malformed("CONNACK")),
        },
        Version::V5 => match v5::Packet::read(&mut frame, None).map_err(unreadable)? {
            v5::Packet::ConnAck(ack) if ack.code == v5::ConnectReturnCode::Success => {
                let keep_alive_s = ack.properties.and_then(|properties| properties.server_keep_alive);
                Ok(Accepted { session_present: ack.session_present, keep_alive_s })
            }
            v5::Packet::ConnAck(ack) => Err(WireError::Refused(format!("{:?}", ack.code))),
            _ => Err(WireError::Malformed("CONNACK")),
        },
    }
}

pub(super) fn write(version: Version, packet: Outgoing, into: &mut BytesMut) -> Result<(), WireError> {
    match version {
        Version::V311 => v4_packet(packet).write(into, SIZE_MAX).map_err(unreadable)?,
        Version::V5 => v5_packet(packet).write(into, None).map_err(unreadable)?,
    };
    Ok(())
}

fn unreadable(error: impl std::fmt::Display) -> WireError {
    WireError::Codec(error.to_string())
}

fn v4_packet(packet: Outgoing) -> v4::Packet {
    use rumqttc_v4::mqttbytes::QoS;
    match packet {
        Outgoing::Connect(it) => {
            let mut connect = v4::Connect::new(it.client_id);
            connect.keep_alive = it.keep_alive_s;
            connect.clean_session = false;
            connect.last_will = it.will.map(|will| v4::LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, true));
            match (it.username, it.password) {
                (Some(username), Some(password)) => connect.set_credentials(username, password),
                (Some(username), None) => connect.set_username(username),
                (None, _) => connect.clear_auth(),
            };
            v4::Packet::Connect(connect)
        }
        Outgoing::Subscribe(filters) => {
            let filters = filters.into_iter().map(|filter| v4::SubscribeFilter::new(filter, QoS::AtLeastOnce));
            v4::Packet::Subscribe(v4::Subscribe { pkid: SUBSCRIBE_ID, filters: filters.collect() })
        }
        Outgoing::Unsubscribe(topics) => v4::Packet::Unsubscribe(v4::Unsubscribe { pkid: UNSUBSCRIBE_ID, topics }),
        Outgoing::PubAck(packet_id) => v4::Packet::PubAck(v4::PubAck::new(packet_id)),
        Outgoing::Publish { topic, payload, retain } => {
            let mut publish = v4::Publish::new(topic, QoS::AtMostOnce, payload);
            publish.retain = retain;
            v4::Packet::Publish(publish)
        }
        Outgoing::Ping => v4::Packet::PingReq,
        Outgoing::Disconnect => v4::Packet::Disconnect,
    }
}

fn v5_packet(packet: Outgoing) -> v5::Packet {
    use rumqttc_v5::mqttbytes::QoS;
    match packet {
        Outgoing::Connect(it) => {
            let mut properties = v5::ConnectProperties::new();
            properties.session_expiry_interval = Some(it.session_expiry_s);
            properties.receive_maximum = Some(it.in_flight_max);
            let connect = v5::Connect {
                keep_alive: it.keep_alive_s,
                client_id: it.client_id,
                clean_start: false,
                properties: Some(properties),
            };
            let will = it.will.map(|will| v5::LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, true, None));
            let auth = match (it.username, it.password) {
                (Some(username), Some(password)) => {
                    v5::ConnectAuth::UsernamePassword { username, password: password.into() }
                }
                (Some(username), None) => v5::ConnectAuth::Username { username },
                (None, _) => v5::ConnectAuth::None,
            };
            v5::Packet::Connect(connect, will, auth)
        }
        Outgoing::Subscribe(filters) => {
            let filters = filters.into_iter().map(|filter| v5::SubscribeFilter::new(filter, QoS::AtLeastOnce));
            let filters = filters.collect();
            v5::Packet::Subscribe(v5::Subscribe { pkid: SUBSCRIBE_ID, filters, properties: None })
        }
        Outgoing::Unsubscribe(filters) => {
            v5::Packet::Unsubscribe(v5::Unsubscribe { pkid: UNSUBSCRIBE_ID, filters, properties: None })
        }
        Outgoing::PubAck(packet_id) => v5::Packet::PubAck(v5::PubAck::new(packet_id, None)),
        Outgoing::Publish { topic, payload, retain } => {
            let mut publish = v5::Publish::new(topic, QoS::AtMostOnce, payload, None);
            publish.retain = retain;
            v5::Packet::Publish(publish)
        }
        Outgoing::Ping => v5::Packet::PingReq,
        Outgoing::Disconnect => {
            v5::Packet::Disconnect(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection))
        }
    }
}
