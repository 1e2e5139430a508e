-- What somebody should be told of, and who was told.

CREATE TABLE alert_rules (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text    NOT NULL CHECK (kind IN ('machine_down', 'agent_silent', 'gap', 'divergence', 'call_for_help')),
    plant_id    integer REFERENCES plants,
    line_id     integer,
    enabled     boolean NOT NULL,
    threshold_s integer CHECK (threshold_s BETWEEN 10 AND 604800),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text    NOT NULL DEFAULT '',
    UNIQUE NULLS NOT DISTINCT (kind, plant_id, line_id),
    FOREIGN KEY (plant_id, line_id) REFERENCES lines (plant_id, id) ON DELETE CASCADE,
    CHECK (line_id IS NULL OR plant_id IS NOT NULL),
    CHECK ((threshold_s IS NOT NULL) = (kind IN ('machine_down', 'agent_silent')))
);
COMMENT ON TABLE alert_rules IS 'What is an incident: a line''s rule before the plant''s, the plant''s before the one for all.';
INSERT INTO alert_rules (kind, enabled, threshold_s) VALUES
    ('machine_down', true, 900), ('agent_silent', true, 600), ('gap', true, NULL), ('divergence', true, NULL),
    ('call_for_help', true, NULL);

CREATE FUNCTION alert_rule(of_kind text, of_plant integer, of_line integer)
RETURNS TABLE (enabled boolean, threshold_s integer) LANGUAGE sql STABLE AS $$
    SELECT r.enabled, r.threshold_s FROM alert_rules r
    WHERE r.kind = of_kind AND (r.plant_id IS NULL OR r.plant_id = of_plant)
      AND (r.line_id IS NULL OR r.line_id = of_line)
    ORDER BY r.line_id NULLS LAST, r.plant_id NULLS LAST LIMIT 1
$$;
COMMENT ON FUNCTION alert_rule IS 'The rule that counts for a line, or for what stands in none.';

CREATE FUNCTION line_of_agent(of_agent integer) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(DISTINCT line_id) = 1 AND count(line_id) = count(*) THEN min(line_id) END
    FROM machines WHERE agent_id = of_agent
$$;
COMMENT ON FUNCTION line_of_agent IS 'The line that all machines of an agent stand in; none where there is no such line.';

CREATE TABLE incidents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id     integer     NOT NULL REFERENCES plants,
    line_id      integer     REFERENCES lines ON DELETE SET NULL,
    kind         text        NOT NULL CHECK (kind IN ('machine_down', 'agent_silent', 'gap', 'divergence', 'call_for_help')),
    subject      text        NOT NULL,
    title        text        NOT NULL,
    detail       text        NOT NULL,
    machine_id   integer     REFERENCES machines,
    station_id   integer     REFERENCES stations,
    agent_id     integer     NOT NULL REFERENCES agents,
    stop         bigint,
    began_at     timestamptz NOT NULL,
    opened_at    timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    occurrences  bigint      NOT NULL DEFAULT 1,
    resolved_at  timestamptz
);
CREATE UNIQUE INDEX incidents_open ON incidents (kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX incidents_plant ON incidents (plant_id, id);
COMMENT ON TABLE incidents IS 'Something that somebody should look at, from when central noticed until it was over. At most one open of a kind and subject.';
COMMENT ON COLUMN incidents.subject IS 'What it is about, as a key: machine/3/stop/1/77, agent/4.';
COMMENT ON COLUMN incidents.title IS 'What people call it, as of then.';
COMMENT ON COLUMN incidents.began_at IS 'When it began on the floor; opened_at is when central knew.';
COMMENT ON COLUMN incidents.occurrences IS 'Gaps: how many were recorded while it was open.';

CREATE TABLE alert_channels (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id   integer     NOT NULL REFERENCES plants,
    line_id    integer,
    kind       text        NOT NULL CHECK (kind IN ('email', 'webhook')),
    title      text        NOT NULL DEFAULT '',
    address    text        NOT NULL,
    secret     text CHECK ((kind = 'webhook') = (secret IS NOT NULL)),
    enabled    boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL,
    removed_at timestamptz,
    FOREIGN KEY (plant_id, line_id) REFERENCES lines (plant_id, id)
);
CREATE INDEX alert_channels_plant ON alert_channels (plant_id) WHERE removed_at IS NULL;
COMMENT ON TABLE alert_channels IS 'Who is told: a mail address or a webhook, of incidents of the whole plant or of one line.';
COMMENT ON COLUMN alert_channels.secret IS 'Key of the webhook''s signatures. It must be known to sign, so it stands here as it is: protect backups.';

CREATE TABLE alert_deliveries (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    plant_id    integer     NOT NULL REFERENCES plants,
    channel_id  integer     NOT NULL REFERENCES alert_channels,
    incident_id bigint REFERENCES incidents,
    notice      text        NOT NULL CHECK (notice IN ('opened', 'resolved', 'test')),
    state       text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'sent', 'failed')),
    created_at  timestamptz NOT NULL,
    claimed_at  timestamptz,
    claimed_by  bigint,
    claim_reads integer,
    settled_at  timestamptz,
    CHECK ((incident_id IS NULL) = (notice = 'test'))
);
CREATE UNIQUE INDEX alert_deliveries_once ON alert_deliveries (incident_id, channel_id, notice) WHERE incident_id IS NOT NULL;
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel_id, created_at);
COMMENT ON TABLE alert_deliveries IS 'One notice to one channel: at most one of a kind for an incident. Claimed before it is sent, settled after.';

CREATE TABLE alert_delivery_attempts (
    delivery_id uuid        NOT NULL REFERENCES alert_deliveries ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    lasted_ms   bigint      NOT NULL,
    status      integer,
    answer      text,
    error       text
);
CREATE INDEX alert_delivery_attempts_delivery ON alert_delivery_attempts (delivery_id, at);
COMMENT ON COLUMN alert_deliveries.claimed_by IS 'The message whose worker sends it, and with claim_reads under which lease: a later one may take the claim over.';
COMMENT ON TABLE alert_delivery_attempts IS 'What a mail server or a webhook answered: its status, the first bytes of its answer, or what went wrong before there was one.';

CREATE TABLE alert_watch (
    only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    watching_since timestamptz NOT NULL,
    looked_at      timestamptz NOT NULL
);
COMMENT ON TABLE alert_watch IS 'Since when somebody watches without a break: nobody is called silent for a time in which nobody listened.';

-- The few alarms that are calls for help, by the order in which their agent raised them.
CREATE INDEX alarms_calls ON alarms (agent_id, epoch, seq) WHERE code = 'call_for_help';
