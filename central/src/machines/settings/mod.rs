//! What people say of a machine: its title, its line, what a microstop is, and which agent reports it. Machines
//! themselves are registered by sync when an agent first names them, and stay: facts refer to them.

pub mod routes;
pub mod store;
