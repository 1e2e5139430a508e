//! What a stage can be told.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Directed {
    pub id: u64,
    #[serde(flatten)]
    pub direction: Direction,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Direction {
    /// A machine shows another state or counter reading; what is left out stays.
    Machine {
        name: String,
        state: Option<String>,
        total: Option<u64>,
    },
    /// A scanner that the agent reads by itself; answered when the code is stored.
    Scan {
        code: String,
    },
    /// Between the agent and central.
    CutNetwork,
    MendNetwork,
    KillCentral,
    ResumeCentral,
    /// As when the computer loses power.
    KillAgent,
    ResumeAgent,
    /// Runs `central ARGUMENTS` and answers what it printed.
    Central {
        arguments: Vec<String>,
    },
    /// Answers the rows of a query: the truth that pages are compared with.
    Rows {
        sql: String,
    },
    Log {
        of: Program,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Program {
    Central,
    Agent,
}
