-- Where things stand: plants, what is in them, and the agents that speak for it.
-- Ordinary tables: small, referenced by every fact, never partitioned.

CREATE TABLE plants (
    id                   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                 text        NOT NULL UNIQUE,
    title                text        NOT NULL DEFAULT '',
    time_zone            text        NOT NULL DEFAULT 'UTC',
    master_data_revision bigint      NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE plants IS 'A factory. Everything below carries its id, so that it can be kept apart or moved as a whole.';
COMMENT ON COLUMN plants.time_zone IS 'IANA name. Days and weeks of the plant are counted in it.';
COMMENT ON COLUMN plants.master_data_revision IS 'Raised by triggers with every change of what agents are sent; an agent that is behind gets all of it.';

CREATE TABLE agents (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            uuid        NOT NULL UNIQUE,
    plant_id        integer     NOT NULL REFERENCES plants,
    name            text        NOT NULL,
    key_fingerprint bytea       NOT NULL UNIQUE CHECK (length(key_fingerprint) = 32),
    enabled         boolean     NOT NULL DEFAULT true,
    enrolled_at     timestamptz NOT NULL DEFAULT now(),
    disabled_at     timestamptz,
    disabled_by     text
);
-- A replaced computer takes over the name of the one that was disabled.
CREATE UNIQUE INDEX agents_name ON agents (plant_id, name) WHERE enabled;
COMMENT ON TABLE agents IS 'Enrolled edge agents. Authority is the fingerprint and the flag, read on every request; there is nothing to expire.';
COMMENT ON COLUMN agents.id IS 'Small number that facts carry; agents themselves know only the uuid.';
COMMENT ON COLUMN agents.key_fingerprint IS 'SHA-256 of the public key that the agent made for itself.';

CREATE TABLE enrolment_invitations (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id    integer     NOT NULL REFERENCES plants,
    agent_name  text        NOT NULL,
    secret_hash bytea       NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    agent_id    integer REFERENCES agents
);
COMMENT ON TABLE enrolment_invitations IS 'One-time secrets, as BLAKE3 hashes only. Used once or expired; kept as the record of who let whom in.';

CREATE TABLE machines (
    id                 integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id           integer     NOT NULL REFERENCES plants,
    name               text        NOT NULL,
    title              text        NOT NULL DEFAULT '',
    agent_id           integer     NOT NULL REFERENCES agents,
    microstop_below_ms bigint CHECK (microstop_below_ms >= 0),
    discovered_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (plant_id, name)
);
CREATE INDEX machines_agent ON machines (agent_id);
COMMENT ON TABLE machines IS 'Machines, registered when an agent first names them.';
COMMENT ON COLUMN machines.agent_id IS 'The one agent that may report it. Events of another agent are quarantined until a person transfers the machine.';

CREATE TABLE stations (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id      integer     NOT NULL REFERENCES plants,
    name          text        NOT NULL,
    title         text        NOT NULL DEFAULT '',
    agent_id      integer     NOT NULL REFERENCES agents,
    discovered_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (plant_id, name)
);
COMMENT ON TABLE stations IS 'Places with a scanner and an operator page that belong to no one machine; same rules as machines.';
