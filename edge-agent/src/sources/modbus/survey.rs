//! Everything a connection is configured to read, read once, for a person to look at.

use super::configuration::{ModbusSection, Point};
use super::device::{Device, value_in};
use super::frame::{Request, is_gateway_silence};
use super::link::{Endpoint, Link, RequestError, Timing};
use super::plan::Block;
use crate::reading::Value;
use crate::status::StatusBoard;

/// One configured value, as it stands.
#[derive(Debug)]
pub struct Found {
    pub device: String,
    pub unit: u8,
    pub point: Point,
    /// As the configuration counts.
    pub address: u32,
    pub outcome: Result<Value, String>,
}

/// Reads every register of every device once, as the agent would; a device that does not answer is asked only once.
pub async fn survey(section: &ModbusSection, board: &StatusBoard) -> Vec<Found> {
    let mut link = Link::new(Endpoint::of(section), Timing::of(section));
    let mut found = Vec::new();
    for configured in &section.devices {
        let subject = board.subject(&section.name, "modbus").device(&configured.name);
        let device = Device::new(configured, section, subject);
        let mut blocks: Vec<Block> = device.plan().into_iter().flat_map(|cycle| cycle.blocks).collect();
        blocks.reverse();
        let mut failure: Option<String> = None;
        while let Some(block) = blocks.pop() {
            let answer = match &failure {
                Some(text) => Err(text.clone()),
                None => {
                    let (kind, start, count) = (block.kind, block.start, block.count);
                    match link.read(Request { unit: configured.unit, kind, start, count }).await {
                        Ok(range) => Ok(link.data(range)),
                        Err(RequestError::Exception(2)) if block.points.len() > 1 => {
                            blocks.extend(device.split(&block).into_iter().flatten().rev());
                            continue;
                        }
                        Err(error @ RequestError::Exception(code)) if !is_gateway_silence(code) => {
                            Err(error.to_string())
                        }
                        Err(error) => {
                            let text = device.silence_text(&error);
                            failure = Some(text.clone());
                            Err(text)
                        }
                    }
                }
            };
            for (point, address) in device.points(&block) {
                let outcome = answer.clone().and_then(|data| value_in(point, &block, data).map_err(|e| e.to_string()));
                let device = configured.name.to_string();
                found.push(Found { device, unit: configured.unit, point: point.clone(), address, outcome });
            }
        }
    }
    found
}
