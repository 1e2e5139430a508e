//! Machines, played by the server side of `tokio-modbus`: another implementation than the one under test.

use std::collections::{BTreeMap, HashSet};
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_modbus::server::Service;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

use crate::sources::modbus::frame::Kind;

/// The registers of some units. An address that was not set does not exist.
#[derive(Debug, Clone, Default)]
pub(super) struct Simulator(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    registers: BTreeMap<(u8, Kind, u16), u16>,
    silent: HashSet<u8>,
    requests: Vec<(u8, Kind, u16, u16)>,
    writes: Vec<(u8, u8, u16, u16)>,
    max_registers: Option<u16>,
}

impl Simulator {
    pub(super) fn set(&self, unit: u8, kind: Kind, address: u16, words: &[u16]) {
        let mut state = self.0.lock().unwrap();
        for (address, word) in (address..).zip(words) {
            state.registers.insert((unit, kind, address), *word);
        }
    }

    pub(super) fn silence(&self, unit: u8, is_silent: bool) {
        let mut state = self.0.lock().unwrap();
        if is_silent {
            state.silent.insert(unit);
        } else {
            state.silent.remove(&unit);
        }
    }

    pub(super) fn limit(&self, max_registers: u16) {
        self.0.lock().unwrap().max_registers = Some(max_registers);
    }

    /// Fills every hole up to `to` with zeros, as real devices have registers between the ones that are read.
    pub(super) fn fill(&self, unit: u8, kind: Kind, from: u16, to: u16) {
        let mut state = self.0.lock().unwrap();
        for address in from..=to {
            state.registers.entry((unit, kind, address)).or_insert(0);
        }
    }

    /// What was asked so far: unit, kind, start, count.
    pub(super) fn requests(&self) -> Vec<(u8, Kind, u16, u16)> {
        self.0.lock().unwrap().requests.clone()
    }

    /// What was written or refused so far: unit, function, address, value.
    pub(super) fn writes(&self) -> Vec<(u8, u8, u16, u16)> {
        self.0.lock().unwrap().writes.clone()
    }

    pub(super) fn get(&self, unit: u8, kind: Kind, address: u16) -> Option<u16> {
        self.0.lock().unwrap().registers.get(&(unit, kind, address)).copied()
    }

    fn write(
        &self,
        unit: u8,
        function: u8,
        start: u16,
        words: &[u16],
        answer: Response,
    ) -> Result<Option<Response>, ExceptionCode> {
        let kind = if matches!(function, 5 | 15) { Kind::Coil } else { Kind::Holding };
        let mut state = self.0.lock().unwrap();
        let is_silent = state.silent.contains(&unit);
        for (address, word) in (start..).zip(words) {
            state.writes.push((unit, function, address, *word));
            match state.registers.get_mut(&(unit, kind, address)) {
                Some(_) if is_silent => {}
                Some(register) => *register = *word,
                None => return Err(ExceptionCode::IllegalDataAddress),
            }
        }
        Ok((!is_silent).then_some(answer))
    }

    fn read(&self, unit: u8, kind: Kind, start: u16, count: u16) -> Result<Option<Vec<u16>>, ExceptionCode> {
        let mut state = self.0.lock().unwrap();
        state.requests.push((unit, kind, start, count));
        if state.silent.contains(&unit) {
            return Ok(None);
        }
        if state.max_registers.is_some_and(|max| count > max) {
            return Err(ExceptionCode::IllegalDataValue);
        }
        (start..start + count)
            .map(|address| state.registers.get(&(unit, kind, address)).copied())
            .collect::<Option<Vec<u16>>>()
            .map(Some)
            .ok_or(ExceptionCode::IllegalDataAddress)
    }

    fn answer(&self, unit: u8, request: &Request<'_>) -> Result<Option<Response>, ExceptionCode> {
        let bits = |words: Vec<u16>| words.into_iter().map(|word| word != 0).collect();
        Ok(match *request {
            Request::ReadCoils(start, count) => {
                self.read(unit, Kind::Coil, start, count)?.map(bits).map(Response::ReadCoils)
            }
            Request::ReadDiscreteInputs(start, count) => {
                self.read(unit, Kind::Discrete, start, count)?.map(bits).map(Response::ReadDiscreteInputs)
            }
            Request::ReadHoldingRegisters(start, count) => {
                self.read(unit, Kind::Holding, start, count)?.map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(start, count) => {
                self.read(unit, Kind::Input, start, count)?.map(Response::ReadInputRegisters)
            }
            Request::WriteSingleCoil(at, on) => {
                self.write(unit, 5, at, &[u16::from(on)], Response::WriteSingleCoil(at, on))?
            }
            Request::WriteSingleRegister(at, word) => {
                self.write(unit, 6, at, &[word], Response::WriteSingleRegister(at, word))?
            }
            Request::WriteMultipleCoils(at, ref coils) => {
                let words: Vec<u16> = coils.iter().copied().map(u16::from).collect();
                self.write(unit, 15, at, &words, Response::WriteMultipleCoils(at, words.len() as u16))?
            }
            Request::WriteMultipleRegisters(at, ref words) => {
                self.write(unit, 16, at, words, Response::WriteMultipleRegisters(at, words.len() as u16))?
            }
            _ => return Err(ExceptionCode::IllegalFunction),
        })
    }

    pub(super) async fn serve_tcp(&self) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let simulator = self.clone();
        let task = tokio::spawn(async move {
            let server = tokio_modbus::server::tcp::Server::new(listener);
            let connected = |stream, address| {
                let simulator = simulator.clone();
                async move {
                    tokio_modbus::server::tcp::accept_tcp_connection(stream, address, move |_| {
                        Ok(Some(simulator.clone()))
                    })
                }
            };
            server.serve(&connected, |_| {}).await.unwrap();
        });
        Served { address, task }
    }

    pub(super) async fn serve_rtu_over_tcp(&self) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let simulator = self.clone();
        let task = tokio::spawn(async move {
            let server = tokio_modbus::server::rtu_over_tcp::Server::new(listener);
            let connected = |stream, address| {
                let simulator = simulator.clone();
                async move {
                    tokio_modbus::server::rtu_over_tcp::accept_tcp_connection(stream, address, move |_| {
                        Ok(Some(simulator.clone()))
                    })
                }
            };
            server.serve(&connected, |_| {}).await.unwrap();
        });
        Served { address, task }
    }
}

impl Service for Simulator {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Option<Response>, ExceptionCode>>;

    fn call(&self, request: SlaveRequest<'static>) -> Self::Future {
        ready(self.answer(request.slave, &request.request))
    }
}

/// A server that ends with its test.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
