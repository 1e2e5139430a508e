//! Against the real mosquitto. The rest of the agent is a hand that takes submissions, commits them, and answers.

mod broker;
mod delivery;
mod examples;
mod security;
mod sparkplug;
mod world;
