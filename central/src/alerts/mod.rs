//! Incidents, and who is told of them.
//!
//! An **incident** is something that somebody should look at: a machine that is down for longer than its line allows, an
//! agent that is silent, a recorded gap, two histories under one name, a call for help. [`incidents`] opens and resolves
//! them, once each however often it looks: at most one open incident exists of a kind and subject. Alarms and gaps
//! themselves stay what they are, facts.
//!
//! # Who is told, how often
//! An incident that opens makes a **delivery** for every channel of its plant or line, and the job that sends it, in one
//! transaction; one that is resolved does so for the channels that were told of its opening. A delivery is unique by
//! incident, channel and notice, so each recipient gets one mail per incident and one when it is over, never the other way
//! round.
//!
//! # Exactly once, and where it ends
//! A delivery is claimed before it is sent and settled with the message in the transaction after. A worker that dies in
//! between leaves a claim; when it has expired the notice is sent again, because nobody can know whether it went out.
//! The only doubtful time is that between a mail server's 250 (a receiver's 2xx) and our commit: one round trip to the
//! database, or as long as a database that is away is waited for. What is sent twice can be recognised: a mail has the
//! same `Message-ID`, a webhook the same delivery id.

pub mod channels;
pub mod configuration;
pub mod deliveries;
pub mod incidents;
pub mod routes;
pub mod rules;
pub mod watch;
