-- What the live board asks: what is new after an agent's mark, and how a machine or its people stand.
-- All of these are small, plain tables.

CREATE INDEX downtime_entries_seq ON downtime_entries (agent_id, epoch, seq);
CREATE INDEX job_log_seq          ON job_log (agent_id, epoch, seq);
CREATE INDEX shift_log_seq        ON shift_log (agent_id, epoch, seq);
CREATE INDEX job_log_machine      ON job_log (machine_id, at);
CREATE INDEX shift_log_agent      ON shift_log (agent_id, at);

-- What people say at central of stops moves no agent's mark.
CREATE INDEX downtime_entries_said_at_central ON downtime_entries (at) WHERE seq IS NULL;

CREATE FUNCTION notify_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('changes', coalesce(tg_argv[0], ''));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_changes() IS 'Tells every central to look again. The argument is a hint for pages: agents, stops, work, master_data. For what people change; a notifying commit takes a lock that the whole cluster shares, and ingest says it in its own, throttled way.';

-- Every change of master data raises the revision of its plant.
CREATE TRIGGER plants_changed AFTER INSERT OR UPDATE OR DELETE ON plants
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changes('master_data');
CREATE TRIGGER lines_changed AFTER INSERT OR UPDATE OR DELETE ON lines
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changes('master_data');
CREATE TRIGGER agents_changed AFTER INSERT OR UPDATE OR DELETE ON agents
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changes('agents');
CREATE TRIGGER downtime_entries_said_at_central AFTER INSERT ON downtime_entries
    FOR EACH ROW WHEN (NEW.seq IS NULL) EXECUTE FUNCTION notify_changes('stops');
