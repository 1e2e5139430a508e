//! Machines behind Modbus TCP, one port each, function code 3.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_modbus::prelude::{ExceptionCode, Request, Response};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};

use super::floor::FloorMachine;

/// State codes of both machines.
pub const CODE_STOPPED: u16 = 3;
pub const CODE_RUNNING: u16 = 1;

/// Where a machine's counter and state stand among its holding registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterMap {
    /// 0: counter, 16 bits, goes on at 0 after 65,535; 1: state.
    /// A new machine's counter shows `shows_at_first`, so that the rollover comes soon.
    Counter16 { shows_at_first: u16 },
    /// 100 and 101: counter, 32 bits, low word first (CDAB); 102: state.
    Counter32Cdab { shows_at_first: u32 },
}

impl RegisterMap {
    /// The first register and what follows from there.
    fn registers(self, made: u64, running: bool) -> (u16, Vec<u16>) {
        let state = if running { CODE_RUNNING } else { CODE_STOPPED };
        match self {
            RegisterMap::Counter16 { shows_at_first } => {
                (0, vec![((u64::from(shows_at_first) + made) & 0xffff) as u16, state])
            }
            RegisterMap::Counter32Cdab { shows_at_first } => {
                let shown = u64::from(shows_at_first) + made;
                (100, vec![(shown & 0xffff) as u16, ((shown >> 16) & 0xffff) as u16, state])
            }
        }
    }
}

struct Registers {
    machine: Arc<FloorMachine>,
    map: RegisterMap,
}

impl Service for Registers {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Request<'static>) -> Self::Future {
        let Request::ReadHoldingRegisters(address, count) = request else {
            return ready(Err(ExceptionCode::IllegalFunction));
        };
        let machine = self.machine.now();
        let (first, registers) = self.map.registers(machine.made, machine.running);
        let answer = address
            .checked_sub(first)
            .map(usize::from)
            .and_then(|start| registers.get(start..start + usize::from(count)))
            .map(|registers| Response::ReadHoldingRegisters(registers.to_vec()));
        ready(answer.ok_or(ExceptionCode::IllegalDataAddress))
    }
}

/// Serves until dropped.
pub async fn serve(listener: TcpListener, machine: Arc<FloorMachine>, map: RegisterMap) -> anyhow::Result<()> {
    let connected = |stream, peer: SocketAddr| {
        let registers = || Registers { machine: machine.clone(), map };
        let accepted = accept_tcp_connection(stream, peer, |_| Ok(Some(registers())));
        async move { accepted }
    };
    Server::new(listener)
        .serve(&connected, |error| tracing::debug!(%error, "a Modbus connection ended"))
        .await
        .map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_16_bit_counter_rolls_over() {
        let map = RegisterMap::Counter16 { shows_at_first: 65_000 };
        assert_eq!(map.registers(0, true), (0, vec![65_000, CODE_RUNNING]));
        assert_eq!(map.registers(535, true), (0, vec![65_535, CODE_RUNNING]));
        assert_eq!(map.registers(536, false), (0, vec![0, CODE_STOPPED]));
    }

    #[test]
    fn a_32_bit_counter_has_its_low_word_first() {
        let map = RegisterMap::Counter32Cdab { shows_at_first: 0x0001_fffe };
        assert_eq!(map.registers(1, true), (100, vec![0xffff, 0x0001, CODE_RUNNING]));
        assert_eq!(map.registers(2, true), (100, vec![0x0000, 0x0002, CODE_RUNNING]));
    }
}
