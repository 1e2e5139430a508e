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
    /// Another agent, enrolled and not running; from here on it is named by what it is `called`.
    EnrolExtra {
        called: String,
        #[serde(flatten)]
        agent: ExtraAgent,
    },
    /// Another computer with a copy of an agent's disk; not running.
    CopyExtra {
        called: String,
        of: String,
    },
    RunExtra {
        called: String,
    },
    StopExtra {
        called: String,
    },
    /// Replays rows of `at,machine,signal,value` with `edge-agent replay`, to its end.
    ReplayExtra {
        called: String,
        rows: String,
        sync: bool,
    },
    /// Sends bytes under the agent's key, and answers what central said.
    SendFrame {
        called: String,
        frame: Vec<u8>,
    },
    /// Answers the URL of a receiver of webhooks.
    ReceiveWebhooks(Answering),
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

#[derive(Debug, Deserialize)]
pub(super) struct ExtraAgent {
    pub name: String,
    pub plant: String,
    /// Of the plant, should there be none of this name.
    pub time_zone: String,
    pub sections: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answering {
    /// In turn; the last one for all further requests.
    pub statuses: Vec<u16>,
}
