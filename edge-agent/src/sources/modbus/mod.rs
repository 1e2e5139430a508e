//! Machines that are asked over Modbus: TCP, RTU, RTU over TCP.

pub mod change;
pub mod configuration;
pub mod decode;
pub mod frame;
pub mod plan;
mod register;
pub mod schedule;
