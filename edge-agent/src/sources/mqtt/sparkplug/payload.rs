//! The parts of `sparkplug_b.proto` (Eclipse Tahu) that a host needs. Data sets, templates, bytes and metadata are
//! passed over.

use prost::Message as _;

use crate::reading::Value;

#[derive(Clone, PartialEq, prost::Message)]
pub struct Payload {
    /// Milliseconds since 1970, when the message was sent.
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    #[prost(uint64, optional, tag = "3")]
    pub seq: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub datatype: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub is_null: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub properties: Option<PropertySet>,
    #[prost(oneof = "metric::Value", tags = "10, 11, 12, 13, 14, 15")]
    pub value: Option<metric::Value>,
}

pub mod metric {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        #[prost(uint32, tag = "10")]
        Int(u32),
        #[prost(uint64, tag = "11")]
        Long(u64),
        #[prost(float, tag = "12")]
        Float(f32),
        #[prost(double, tag = "13")]
        Double(f64),
        #[prost(bool, tag = "14")]
        Boolean(bool),
        #[prost(string, tag = "15")]
        String(String),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<PropertyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertyValue {
    #[prost(uint32, optional, tag = "3")]
    pub int_value: Option<u32>,
    #[prost(uint64, optional, tag = "4")]
    pub long_value: Option<u64>,
}

/// `datatype` numbers of the specification, section 6.4.16.
pub mod datatype {
    pub const INT8: u32 = 1;
    pub const INT16: u32 = 2;
    pub const INT32: u32 = 3;
    pub const INT64: u32 = 4;
    pub const BOOLEAN: u32 = 11;
}

const QUALITY_GOOD: u64 = 192;

impl Metric {
    /// The value, read as the datatype of the birth where this message does not repeat it. None for what no signal can
    /// hold.
    #[must_use]
    pub fn reading(&self, of_birth: Option<u32>) -> Option<Value> {
        if self.is_null == Some(true) || !self.is_good() {
            return Some(Value::Unavailable);
        }
        let datatype = self.datatype.filter(|it| *it != 0).or(of_birth).unwrap_or(0);
        match self.value.as_ref()? {
            metric::Value::Int(bits) => Some(of_int(*bits, datatype)),
            metric::Value::Long(bits) => Some(of_long(*bits, datatype)),
            metric::Value::Float(number) => finite(f64::from(*number)),
            metric::Value::Double(number) => finite(*number),
            metric::Value::Boolean(value) => Some(Value::Bool(*value)),
            metric::Value::String(text) => Some(Value::Text(text.clone())),
        }
    }

    fn is_good(&self) -> bool {
        let Some(properties) = &self.properties else { return true };
        let quality = properties.keys.iter().zip(&properties.values).find(|(key, _)| *key == "Quality");
        let code = quality.and_then(|(_, value)| value.int_value.map(u64::from).or(value.long_value));
        code.is_none_or(|code| code == QUALITY_GOOD)
    }

    /// An integer, whatever field it came in: `bdSeq`.
    #[must_use]
    pub fn unsigned(&self) -> Option<u64> {
        match self.value.as_ref()? {
            metric::Value::Int(value) => Some((*value).into()),
            metric::Value::Long(value) => Some(*value),
            _ => None,
        }
    }
}

/// Signed integers travel as two's complement in unsigned fields; some senders extend the sign to 32 bits, some do not.
#[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "two's complement is meant")]
fn of_int(bits: u32, of_type: u32) -> Value {
    match of_type {
        datatype::INT8 => Value::Integer((bits as i8).into()),
        datatype::INT16 => Value::Integer((bits as i16).into()),
        datatype::INT32 => Value::Integer((bits as i32).into()),
        datatype::BOOLEAN => Value::Bool(bits != 0),
        _ => Value::Integer(bits.into()),
    }
}

#[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "two's complement is meant")]
#[expect(clippy::cast_precision_loss, reason = "beyond what a signed integer holds there is only the float")]
fn of_long(bits: u64, of_type: u32) -> Value {
    match of_type {
        datatype::INT64 => Value::Integer(bits as i64),
        datatype::INT8 | datatype::INT16 | datatype::INT32 => of_int(bits as u32, of_type),
        _ => i64::try_from(bits).map_or(Value::Number(bits as f64), Value::Integer),
    }
}

fn finite(number: f64) -> Option<Value> {
    number.is_finite().then_some(Value::Number(number))
}

/// The command that asks a node for all its births.
#[must_use]
pub fn rebirth_command(timestamp_ms: u64) -> Vec<u8> {
    let metric = Metric {
        name: Some("Node Control/Rebirth".to_owned()),
        timestamp: Some(timestamp_ms),
        datatype: Some(datatype::BOOLEAN),
        value: Some(metric::Value::Boolean(true)),
        ..Metric::default()
    };
    Payload { timestamp: Some(timestamp_ms), metrics: vec![metric], seq: None }.encode_to_vec()
}
