-- Facts. Append-only, written by sync alone, one row for what one event says.
--
-- They are made here as plain tables, so that every column is named once for every server; a script in sql/ then turns
-- the ones listed in fact_tables into hypertables (TimescaleDB) or partitioned tables (without it).
-- No unique constraint and hardly an index: the ledger keeps rows single, and a btree costs four fifths of the rate of
-- a COPY. BRIN on `at` serves "the last hour of this machine" because rows arrive about in order of time.

CREATE TYPE clock_quality   AS ENUM ('synchronized', 'unverified', 'wrong', 'restamped', 'source');
CREATE TYPE piece_quality   AS ENUM ('good', 'scrap', 'rework');
CREATE TYPE count_basis     AS ENUM ('increase', 'rollover', 'reset', 'baseline', 'delta', 'entry');
CREATE TYPE machine_state   AS ENUM ('running', 'idle', 'stopped', 'setup', 'maintenance', 'break', 'off', 'no_data');
CREATE TYPE stop_detection  AS ENUM ('state', 'missing_counts');
CREATE TYPE downtime_change AS ENUM ('began', 'ended', 'reason', 'note', 'split');
CREATE TYPE job_action      AS ENUM ('start', 'pause', 'finish', 'switch');
CREATE TYPE shift_log_entry AS ENUM ('operator_on', 'operator_off', 'note');
CREATE TYPE gap_cause       AS ENUM ('buffer_full', 'buffer_corrupt', 'broker_session_lost', 'source_sequence');
COMMENT ON TYPE clock_quality IS 'How sure the clock was that gave an event its time.';

CREATE TABLE production_logs (
    at         timestamptz   NOT NULL,
    plant_day  date          NOT NULL,
    plant_id   integer       NOT NULL,
    machine_id integer       NOT NULL,
    agent_id   integer       NOT NULL,
    epoch      integer       NOT NULL,
    seq        bigint        NOT NULL,
    clock      clock_quality NOT NULL,
    signal     text          NOT NULL,
    quality    piece_quality NOT NULL,
    delta      bigint        NOT NULL,
    raw        bigint,
    basis      count_basis   NOT NULL
);
COMMENT ON TABLE production_logs IS 'Pieces counted: a row for every count. Production is the sum of delta.';
COMMENT ON COLUMN production_logs.plant_day IS 'Calendar day of `at` in the plant''s time zone as it was when the row was written.';
COMMENT ON COLUMN production_logs.raw IS 'Counter reading that the delta was concluded from; none for a delta or an entry.';

CREATE TABLE machine_states (
    at          timestamptz   NOT NULL,
    plant_day   date          NOT NULL,
    plant_id    integer       NOT NULL,
    machine_id  integer       NOT NULL,
    agent_id    integer       NOT NULL,
    epoch       integer       NOT NULL,
    seq         bigint        NOT NULL,
    clock       clock_quality NOT NULL,
    state       machine_state NOT NULL,
    source_code text,
    reason      text
);
COMMENT ON TABLE machine_states IS 'A machine''s state from `at` on, until its next row.';

CREATE TABLE downtime_tracking (
    at          timestamptz    NOT NULL,
    plant_day   date           NOT NULL,
    plant_id    integer        NOT NULL,
    machine_id  integer        NOT NULL,
    agent_id    integer        NOT NULL,
    epoch       integer        NOT NULL,
    seq         bigint         NOT NULL,
    clock       clock_quality  NOT NULL,
    stop        bigint         NOT NULL,
    state       machine_state  NOT NULL,
    detected_by stop_detection NOT NULL,
    began       smallint       NOT NULL,
    ended       smallint       NOT NULL,
    micro       boolean        NOT NULL,
    lasted_us   bigint         NOT NULL
);
COMMENT ON TABLE downtime_tracking IS 'Stops, so that plain sums are right: one row as a stop begins (began = 1), and when it has ended one row for each plant day it covered (lasted_us), the last of them with ended = 1.';
COMMENT ON COLUMN downtime_tracking.at IS 'Of a begin row: when the stop began. Of a piece: when the stop, on that plant day, began.';
COMMENT ON COLUMN downtime_tracking.stop IS 'Number of the stop on its machine in its agent''s log.';
COMMENT ON COLUMN downtime_tracking.lasted_us IS 'How much of the stop fell on plant_day; the pieces add up to what the agent measured on its monotonic clock.';

CREATE TABLE downtime_entries (
    at         timestamptz     NOT NULL,
    plant_day  date            NOT NULL,
    plant_id   integer         NOT NULL,
    machine_id integer         NOT NULL,
    agent_id   integer         NOT NULL,
    epoch      integer         NOT NULL,
    seq        bigint          NOT NULL,
    clock      clock_quality   NOT NULL,
    stop       bigint          NOT NULL,
    change     downtime_change NOT NULL,
    began_at   timestamptz,
    lasted_us  bigint,
    reason     text,
    note       text,
    split_from timestamptz,
    new_stop   bigint,
    operator   text
);
COMMENT ON TABLE downtime_entries IS 'Everything that was said of a stop, in order: its beginning and end, reasons, notes, splits. The last reason counts.';

CREATE TABLE open_stops (
    machine_id  integer     NOT NULL REFERENCES machines,
    agent_id    integer     NOT NULL REFERENCES agents,
    stop        bigint      NOT NULL,
    plant_id    integer     NOT NULL REFERENCES plants,
    began_at    timestamptz NOT NULL,
    state       machine_state NOT NULL,
    detected_by stop_detection NOT NULL,
    PRIMARY KEY (machine_id, agent_id, stop)
);
COMMENT ON TABLE open_stops IS 'Stops that have begun and not ended, kept by sync with the facts: no fact itself.';

CREATE TABLE scans (
    at         timestamptz   NOT NULL,
    plant_day  date          NOT NULL,
    plant_id   integer       NOT NULL,
    machine_id integer,
    station_id integer,
    agent_id   integer       NOT NULL,
    epoch      integer       NOT NULL,
    seq        bigint        NOT NULL,
    clock      clock_quality NOT NULL,
    source     text          NOT NULL,
    raw        bytea         NOT NULL,
    text       text          NOT NULL,
    symbology  text,
    elements   jsonb         NOT NULL,
    problem    text
);
COMMENT ON TABLE scans IS 'Codes that were read.';
COMMENT ON COLUMN scans.raw IS 'What the scanner sent.';
COMMENT ON COLUMN scans.text IS 'The same as text, for reading and searching: bytes that are no UTF-8 and zeros became U+FFFD.';
COMMENT ON COLUMN scans.elements IS 'GS1 elements in order: [{"ai": "01", "value": "…"}].';

CREATE TABLE measurements (
    at         timestamptz   NOT NULL,
    plant_day  date          NOT NULL,
    plant_id   integer       NOT NULL,
    machine_id integer,
    station_id integer,
    agent_id   integer       NOT NULL,
    epoch      integer       NOT NULL,
    seq        bigint        NOT NULL,
    clock      clock_quality NOT NULL,
    signal     text          NOT NULL,
    number     double precision,
    text       text,
    bool       boolean,
    unit       text
);
COMMENT ON TABLE measurements IS 'Process and inspection values; exactly one of number, text and bool is set.';

CREATE TABLE shift_performance_logs (
    at           timestamptz NOT NULL,
    plant_day    date        NOT NULL,
    plant_id     integer     NOT NULL,
    machine_id   integer     NOT NULL,
    shift        text        NOT NULL,
    ends_at      timestamptz NOT NULL,
    planned_us   bigint      NOT NULL,
    running_us   bigint      NOT NULL,
    good         bigint      NOT NULL,
    scrap        bigint      NOT NULL,
    rework       bigint      NOT NULL,
    computed_at  timestamptz NOT NULL
);
COMMENT ON TABLE shift_performance_logs IS 'What a machine did in a shift that has closed, a row for each computation; `at` is the shift''s start. Written by the schedule.';

CREATE TABLE job_log (
    at         timestamptz   NOT NULL,
    plant_day  date          NOT NULL,
    plant_id   integer       NOT NULL,
    machine_id integer,
    station_id integer,
    agent_id   integer       NOT NULL,
    epoch      integer       NOT NULL,
    seq        bigint        NOT NULL,
    clock      clock_quality NOT NULL,
    action     job_action    NOT NULL,
    work_order text          NOT NULL,
    operator   text
);
COMMENT ON TABLE job_log IS 'Work on work orders: started, paused, finished, switched.';

CREATE TABLE shift_log (
    at         timestamptz     NOT NULL,
    plant_day  date            NOT NULL,
    plant_id   integer         NOT NULL,
    machine_id integer,
    station_id integer,
    agent_id   integer         NOT NULL,
    epoch      integer         NOT NULL,
    seq        bigint          NOT NULL,
    clock      clock_quality   NOT NULL,
    entry      shift_log_entry NOT NULL,
    operator   text,
    note       text
);
COMMENT ON TABLE shift_log IS 'Who logged on and off at a station, and what they handed over.';

CREATE TABLE alarms (
    at         timestamptz   NOT NULL,
    plant_day  date          NOT NULL,
    plant_id   integer       NOT NULL,
    machine_id integer,
    station_id integer,
    agent_id   integer       NOT NULL,
    epoch      integer,
    seq        bigint,
    clock      clock_quality NOT NULL,
    subject    text          NOT NULL,
    code       text          NOT NULL,
    text       text          NOT NULL,
    active     boolean       NOT NULL
);
COMMENT ON TABLE alarms IS 'What agents, and central about agents, want somebody to look at.';
COMMENT ON COLUMN alarms.seq IS 'None when central itself raised the alarm.';

CREATE TABLE gaps (
    at         timestamptz   NOT NULL,
    plant_day  date          NOT NULL,
    plant_id   integer       NOT NULL,
    machine_id integer,
    station_id integer,
    agent_id   integer       NOT NULL,
    epoch      integer       NOT NULL,
    seq        bigint        NOT NULL,
    clock      clock_quality NOT NULL,
    cause      gap_cause     NOT NULL,
    subject    text          NOT NULL,
    lost       bigint,
    gap_from   timestamptz   NOT NULL,
    gap_to     timestamptz   NOT NULL,
    text       text          NOT NULL
);
COMMENT ON TABLE gaps IS 'Loss that was recorded: how much of what, when and why.';

CREATE TABLE raw_events (
    received_at    timestamptz NOT NULL,
    plant_id       integer     NOT NULL,
    agent_id       integer     NOT NULL,
    epoch          integer     NOT NULL,
    seq            bigint      NOT NULL,
    at_us          bigint      NOT NULL,
    clock          smallint    NOT NULL,
    monotonic_boot bigint      NOT NULL,
    monotonic_us   bigint      NOT NULL,
    origin_kind    text        NOT NULL,
    origin_name    text        NOT NULL,
    kind           integer     NOT NULL,
    body           bytea       NOT NULL,
    problem        text
);
COMMENT ON TABLE raw_events IS 'Events of a kind that this version does not know, or whose body it could not read, as they came: a later version makes facts of them.';

-- Few rows, read by machine or agent: here a btree is worth its price.
CREATE INDEX downtime_tracking_machine ON downtime_tracking (machine_id, at);
CREATE INDEX downtime_entries_stop     ON downtime_entries (machine_id, agent_id, stop);
CREATE INDEX job_log_at                ON job_log (plant_id, at);
CREATE INDEX shift_log_at              ON shift_log (plant_id, at);
CREATE INDEX alarms_at                 ON alarms (plant_id, at);
CREATE INDEX gaps_agent                ON gaps (agent_id, at);
CREATE INDEX raw_events_agent          ON raw_events (agent_id, seq);
-- Many rows.
CREATE INDEX production_logs_at ON production_logs USING brin (at) WITH (pages_per_range = 32);
CREATE INDEX machine_states_at  ON machine_states  USING brin (at) WITH (pages_per_range = 32);
CREATE INDEX scans_at           ON scans           USING brin (at) WITH (pages_per_range = 32);
CREATE INDEX measurements_at    ON measurements    USING brin (at) WITH (pages_per_range = 32);

CREATE TABLE fact_tables (
    name       name PRIMARY KEY,
    segment_by name[] NOT NULL
);
COMMENT ON TABLE fact_tables IS 'Tables that the scripts in sql/ partition by `at`, keep compressed after 7 days where the server can, and keep for the time in retention.';
INSERT INTO fact_tables VALUES
    ('production_logs', '{machine_id}'),
    ('machine_states', '{machine_id}'),
    ('downtime_tracking', '{machine_id}'),
    ('scans', '{plant_id}'),
    ('measurements', '{machine_id,signal}'),
    ('shift_performance_logs', '{machine_id}');

CREATE TABLE retention (
    only_row       boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
    facts          interval NOT NULL DEFAULT '2 years',
    late_facts     interval NOT NULL DEFAULT '90 days'
);
INSERT INTO retention DEFAULT VALUES;
COMMENT ON TABLE retention IS 'How long rows of fact_tables are kept. Summaries are kept for ever.';
COMMENT ON COLUMN retention.late_facts IS 'Facts that were older than that when they arrived (a recording, a PC found in a drawer) are kept at least this long after they came.';

CREATE TABLE fact_months (
    month            date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    last_received_at timestamptz NOT NULL,
    dropped_at       timestamptz
);
COMMENT ON TABLE fact_months IS 'Months (UTC) that hold facts. Once rows of a month were dropped its summaries are final: events that still arrive for it are quarantined.';

CREATE TABLE aggregate_repairs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    aggregate  name        NOT NULL,
    day        date        NOT NULL,
    touched_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX aggregate_repairs_day ON aggregate_repairs (aggregate, day);
COMMENT ON TABLE aggregate_repairs IS 'Days (UTC) of continuous aggregates that late facts touched, recorded with the facts and refreshed soon after. Empty without TimescaleDB.';
