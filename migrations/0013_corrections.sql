-- What was said at central of an agent's stops is told to its station.

CREATE TABLE agent_corrections (
    agent_id integer PRIMARY KEY REFERENCES agents ON DELETE CASCADE,
    revision uuid NOT NULL
);
COMMENT ON TABLE agent_corrections IS 'Whether an agent knows what was said at central of its stops: a row once something was.';
COMMENT ON COLUMN agent_corrections.revision IS 'Drawn anew in the transaction of every change. Only compared for being the same: after a backup was restored it is an earlier one, and what is said then draws others than those that were lost.';

COMMENT ON TABLE downtime_entries IS 'Everything that was said of a stop, in order: its beginning and end, reasons, notes, splits. The last reason given at central counts, else the last one of the agent. Rows are only added: a correction is another row.';

-- Of a stop that was detected, whether anything was said of it at central.
CREATE INDEX downtime_entries_of_central ON downtime_entries (agent_id, machine_id, began_at) WHERE entry IS NOT NULL;
