-- What people report at a station, and the lines that machines stand in.

CREATE TABLE piece_entries (
    at              timestamptz   NOT NULL,
    plant_day       date          NOT NULL,
    plant_id        integer       NOT NULL,
    machine_id      integer       NOT NULL,
    agent_id        integer       NOT NULL,
    epoch           integer       NOT NULL,
    seq             bigint        NOT NULL,
    clock           clock_quality NOT NULL,
    entry           uuid          NOT NULL,
    good            bigint        NOT NULL,
    scrap           bigint        NOT NULL,
    rework          bigint        NOT NULL,
    counted_as_good boolean       NOT NULL,
    takes_back      boolean       NOT NULL,
    reason          text,
    work_order      text,
    operator        text
);
CREATE INDEX piece_entries_at ON piece_entries (machine_id, at);
COMMENT ON TABLE piece_entries IS 'Pieces that a person reported, and reports taken back. The same pieces are rows of production_logs (basis entry): sum there, ask here for the reason.';
COMMENT ON COLUMN piece_entries.entry IS 'A report and its taking back carry the same one.';
COMMENT ON COLUMN piece_entries.counted_as_good IS 'The machine had counted the scrap and rework as good: production_logs takes them from its good pieces.';

CREATE TABLE lines (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plant_id   integer NOT NULL REFERENCES plants,
    name       text    NOT NULL,
    title      text    NOT NULL DEFAULT '',
    UNIQUE (plant_id, name),
    UNIQUE (plant_id, id)
);
COMMENT ON TABLE lines IS 'Machines that belong together (ISA-95: production line).';

ALTER TABLE machines ADD line_id integer, ADD FOREIGN KEY (plant_id, line_id) REFERENCES lines (plant_id, id);
CREATE INDEX machines_line ON machines (line_id);
