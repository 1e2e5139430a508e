-- Stops as people look at them: what is needed to read a stop stands with what was said of it, and central says things of
-- its own: reasons, notes and splits that a person gives on the dashboard.

ALTER TABLE downtime_entries
    ALTER epoch DROP NOT NULL,
    ALTER seq DROP NOT NULL,
    ADD state       machine_state,
    ADD detected_by stop_detection,
    ADD micro       boolean,
    ADD entry       uuid,
    ADD entered_by  text,
    ADD why         text,
    ADD CONSTRAINT downtime_entries_said_by CHECK (
        (seq IS NULL) = (epoch IS NULL) AND (seq IS NULL) = (entry IS NOT NULL) AND (seq IS NULL) = (entered_by IS NOT NULL)),
    ADD CONSTRAINT downtime_entries_central CHECK (seq IS NOT NULL OR change IN ('reason', 'note', 'split')),
    ADD CONSTRAINT downtime_entries_new_stop CHECK ((seq IS NULL AND change = 'split') = (coalesce(new_stop, 0) < 0));
COMMENT ON TABLE downtime_entries IS 'Everything that was said of a stop, in order: its beginning and end, reasons, notes, splits. The last reason counts. Rows are only added: a correction is another row.';
COMMENT ON COLUMN downtime_entries.seq IS 'None when it was said at central: then entry, entered_by and, for a correction, why are set.';
COMMENT ON COLUMN downtime_entries.epoch IS 'None when it was said at central.';
COMMENT ON COLUMN downtime_entries.state IS 'Of a beginning and an end: the state that is the stop.';
COMMENT ON COLUMN downtime_entries.micro IS 'Of an end: the stop was shorter than its machine''s microstop_below_ms.';
COMMENT ON COLUMN downtime_entries.began_at IS 'Of an end: when the stop began. Of what was said at central: when the whole stop began, which tells stops of the same number apart after an agent began a new log.';
COMMENT ON COLUMN downtime_entries.split_from IS 'Of a split: from here on it is another stop, new_stop.';
COMMENT ON COLUMN downtime_entries.new_stop IS 'Number of the part from split_from on. Agents number stops upward from 1; central, whose splits agents do not know, downward from -1 (central_stops), so that the two never meet.';
COMMENT ON COLUMN downtime_entries.entry IS 'Made by the page that asks, so that the same entry, sent twice, is stored once.';
COMMENT ON COLUMN downtime_entries.entered_by IS 'Who said it at central.';
COMMENT ON COLUMN downtime_entries.why IS 'Why what was said before is corrected.';

CREATE SEQUENCE central_stops AS bigint INCREMENT BY -1 START WITH -1 OWNED BY downtime_entries.new_stop;

-- What downtime_tracking knows of stops that have been, for as far as its rows go back.
UPDATE downtime_entries e SET state = t.state, detected_by = t.detected_by, micro = CASE WHEN e.change = 'ended' THEN t.micro END
FROM downtime_tracking t
WHERE e.change IN ('began', 'ended') AND t.machine_id = e.machine_id AND t.agent_id = e.agent_id AND t.epoch = e.epoch
  AND t.seq = e.seq AND t.stop = e.stop AND (e.change = 'began' AND t.began = 1 OR e.change = 'ended' AND t.ended = 1);

-- Few rows, read by when stops began, by their number, by what they were split into, and by the key of an entry.
CREATE INDEX downtime_entries_began ON downtime_entries (machine_id, (coalesce(began_at, at)), agent_id, stop)
    WHERE change IN ('began', 'ended');
CREATE INDEX downtime_entries_split ON downtime_entries (machine_id, agent_id, new_stop) WHERE change = 'split';
CREATE UNIQUE INDEX downtime_entries_entry ON downtime_entries (entry) WHERE entry IS NOT NULL;
CREATE INDEX downtime_entries_corrected ON downtime_entries (at) WHERE entry IS NOT NULL;
CREATE INDEX downtime_entries_at ON downtime_entries (machine_id, at);
