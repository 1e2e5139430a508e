-- How agents' logs become facts exactly once: the ledger, what it compares with, and what it refused.

CREATE TABLE sync_ledger (
    agent_id        integer PRIMARY KEY REFERENCES agents,
    epoch           integer     NOT NULL DEFAULT 1 CHECK (epoch >= 1),
    mark            bigint      NOT NULL DEFAULT 0 CHECK (mark >= 0),
    hash            bytea       NOT NULL DEFAULT decode(repeat('00', 16), 'hex') CHECK (length(hash) = 16),
    instance_starts bigint      NOT NULL DEFAULT 0,
    instance_id     bigint      NOT NULL DEFAULT 0,
    known_until     bigint      NOT NULL DEFAULT 0,
    divergence_id   bigint,
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE sync_ledger IS 'How far each agent''s log is committed. Never deleted; locked and updated in the transaction that writes the facts.';
COMMENT ON COLUMN sync_ledger.mark IS 'Highest sequence committed in this epoch.';
COMMENT ON COLUMN sync_ledger.hash IS 'Chain hash of the agent''s log at the mark.';
COMMENT ON COLUMN sync_ledger.instance_starts IS 'Starts of the process last listened to; a batch with fewer comes from a copy or an old backup.';
COMMENT ON COLUMN sync_ledger.instance_id IS 'Its random id, the bits of an unsigned number.';
COMMENT ON COLUMN sync_ledger.known_until IS 'After a resolved divergence: events up to here that hash as in an earlier epoch are facts already. 0 when nothing is left to compare.';
COMMENT ON COLUMN sync_ledger.divergence_id IS 'Open divergence: while it is set, every batch of this agent is refused.';

CREATE TABLE sync_digests (
    agent_id  integer NOT NULL REFERENCES agents,
    epoch     integer NOT NULL,
    first_seq bigint  NOT NULL,
    digests   bytea   NOT NULL,
    PRIMARY KEY (agent_id, epoch, first_seq)
);
COMMENT ON TABLE sync_digests IS 'First 8 bytes of the chain hash at every committed event, a row for a committed batch; they find where two histories part. Pruned by number of events.';

CREATE TABLE divergences (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id         integer     NOT NULL REFERENCES agents,
    epoch            integer     NOT NULL,
    reason           text        NOT NULL CHECK (reason IN ('content', 'rewound', 'copied', 'claimed_by_agent')),
    fork_seq         bigint,
    mark             bigint      NOT NULL,
    text             text        NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    refused_batches  bigint      NOT NULL DEFAULT 1,
    resolved_at      timestamptz,
    resolved_by      text,
    accepted_starts  bigint,
    accepted_id      bigint
);
CREATE INDEX divergences_agent ON divergences (agent_id, id);
ALTER TABLE sync_ledger ADD FOREIGN KEY (divergence_id) REFERENCES divergences;
COMMENT ON TABLE divergences IS 'Two histories under one agent''s name: a restored backup or a cloned disk. Nothing of the second became a fact; a person decides.';
COMMENT ON COLUMN divergences.fork_seq IS 'First sequence at which the histories differ, where that is known.';

CREATE TABLE divergence_instances (
    divergence_id bigint      NOT NULL REFERENCES divergences ON DELETE CASCADE,
    starts        bigint      NOT NULL,
    id            bigint      NOT NULL,
    host          text,
    peer_address  text,
    listened_to   boolean     NOT NULL,
    newest_seq    bigint      NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    PRIMARY KEY (divergence_id, starts, id)
);
COMMENT ON TABLE divergence_instances IS 'The processes that claim one agent''s log; one of them is accepted, the others are retired.';
COMMENT ON COLUMN divergence_instances.listened_to IS 'True of the process whose events are the facts up to the mark.';

CREATE TABLE divergence_frames (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    divergence_id bigint      NOT NULL REFERENCES divergences ON DELETE CASCADE,
    starts        bigint      NOT NULL,
    instance_id   bigint      NOT NULL,
    first_seq     bigint      NOT NULL,
    last_seq      bigint      NOT NULL,
    frame         bytea       NOT NULL,
    received_at   timestamptz NOT NULL
);
CREATE INDEX divergence_frames_divergence ON divergence_frames (divergence_id, id);
COMMENT ON TABLE divergence_frames IS 'Refused batches as they came, a bounded number of each divergence: the other side''s data.';

CREATE TABLE rejected_frames (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id    integer     NOT NULL REFERENCES agents,
    error       text        NOT NULL,
    frame       bytea       NOT NULL,
    frame_bytes integer     NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX rejected_frames_agent ON rejected_frames (agent_id, id);
COMMENT ON TABLE rejected_frames IS 'Bodies that could not be decoded, the newest few of each agent, for a person to look at. The agent keeps its data.';

CREATE TABLE agent_status (
    agent_id             integer PRIMARY KEY REFERENCES agents,
    plant_id             integer     NOT NULL REFERENCES plants,
    last_sync_at         timestamptz NOT NULL,
    clock_offset_us      bigint      NOT NULL,
    master_data_revision bigint      NOT NULL,
    newest_seq           bigint      NOT NULL,
    peer_address         text,
    version              text,
    host                 text,
    started_at           timestamptz,
    backlog_events       bigint,
    backlog_oldest_at    timestamptz,
    buffer_bytes         bigint,
    buffer_bytes_max     bigint,
    poison_messages      bigint,
    dropped_events       bigint,
    conditions           jsonb       NOT NULL DEFAULT '[]',
    status_at            timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE agent_status IS 'What each agent last said of itself. Overwritten; no history.';
COMMENT ON COLUMN agent_status.clock_offset_us IS 'Agent''s clock minus central''s as the batch arrived: clock error and travel time.';

CREATE TABLE machine_live (
    machine_id      integer PRIMARY KEY REFERENCES machines,
    plant_id        integer     NOT NULL REFERENCES plants,
    agent_id        integer     NOT NULL REFERENCES agents,
    state           text        NOT NULL,
    state_since     timestamptz NOT NULL,
    good            bigint      NOT NULL,
    scrap           bigint      NOT NULL,
    rework          bigint      NOT NULL,
    last_reading_at timestamptz,
    reported_at     timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE machine_live IS 'How each machine stood at its agent''s last batch, whatever the backlog. Overwritten; the facts are elsewhere.';
COMMENT ON COLUMN machine_live.good IS 'Pieces since the agent''s log began, as the agent counts them.';
COMMENT ON COLUMN machine_live.reported_at IS 'When central took it in: data age is measured from the older of this and last_reading_at.';

CREATE TABLE quarantined_events (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id       integer     NOT NULL REFERENCES plants,
    agent_id       integer     NOT NULL REFERENCES agents,
    epoch          integer     NOT NULL,
    seq            bigint      NOT NULL,
    reason         text        NOT NULL,
    detail         text        NOT NULL,
    at_us          bigint      NOT NULL,
    clock          smallint    NOT NULL,
    monotonic_boot bigint      NOT NULL,
    monotonic_us   bigint      NOT NULL,
    origin_kind    text        NOT NULL CHECK (origin_kind IN ('machine', 'station', 'agent', 'unnamed')),
    origin_name    text        NOT NULL,
    kind           integer     NOT NULL,
    body           bytea       NOT NULL,
    received_at    timestamptz NOT NULL,
    released_at    timestamptz
);
CREATE INDEX quarantined_events_held ON quarantined_events (plant_id, reason, id) WHERE released_at IS NULL;
COMMENT ON TABLE quarantined_events IS 'Events that are committed but are no facts yet, as they came, with the reason. A person releases them; nothing deletes them.';
COMMENT ON COLUMN quarantined_events.reason IS 'future, beyond_retention, out_of_range, machine_of_another_agent, no_machine, refused_by_database.';
COMMENT ON COLUMN quarantined_events.at_us IS 'Microseconds since 1970: a wrong clock may say what timestamptz cannot hold.';
