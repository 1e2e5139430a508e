//! Central: agents' facts into PostgreSQL exactly once.

pub mod agents;
pub mod alarms;
pub mod copy;
pub mod downtime;
pub mod fact;
pub mod gaps;
pub mod machines;
pub mod measurements;
pub mod production;
pub mod scans;
pub mod shifts;
pub mod sync;
pub mod work_orders;
