-- With TimescaleDB (community licence): fact tables become hypertables, compressed after 7 days. Idempotent.
-- Retention is apply_retention() and no policy: it must not drop what an aggregate has not taken in yet, nor a
-- recording of 2020 on the night after it was loaded.

CREATE EXTENSION IF NOT EXISTS timescaledb;

DO $$
DECLARE fact record;
BEGIN
    IF EXISTS (SELECT FROM fact_tables f JOIN pg_class c ON c.oid = to_regclass(f.name::text) WHERE c.relkind = 'p') THEN
        RAISE EXCEPTION 'this database was set up without TimescaleDB, with native partitions'
            USING HINT = 'Keep using the scripts in sql/native, or copy the facts into a new database.';
    END IF;
    FOR fact IN SELECT f.name, array_to_string(f.segment_by, ', ') AS segment_by FROM fact_tables f
                WHERE NOT EXISTS (SELECT FROM timescaledb_information.hypertables h
                                  WHERE h.hypertable_schema = current_schema AND h.hypertable_name = f.name)
                ORDER BY f.name
    LOOP
        -- Without the default index on `at`: BRIN serves, at a fraction of what a btree costs a COPY.
        PERFORM create_hypertable(fact.name::regclass, by_range('at', interval '7 days'), create_default_indexes => false);
        EXECUTE format('ALTER TABLE %I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
                       fact.name, fact.segment_by, 'at DESC');
        PERFORM add_compression_policy(fact.name::regclass, interval '7 days', if_not_exists => true);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION prepare_facts(months date[]) RETURNS SETOF date LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fact_months AS f (month, last_received_at)
    SELECT DISTINCT t.m, now() FROM unnest(months) t(m) ORDER BY 1
    ON CONFLICT (month) DO UPDATE SET last_received_at = now()
        WHERE f.dropped_at IS NULL AND f.last_received_at < now() - interval '1 hour';
    RETURN QUERY SELECT f.month FROM fact_months f WHERE f.month = ANY (months) AND f.dropped_at IS NOT NULL;
END $$;
COMMENT ON FUNCTION prepare_facts IS 'Called before facts of these months (first days, UTC) are written; returns those that are closed because their rows were dropped.';

CREATE OR REPLACE FUNCTION apply_retention() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    old     date;
    run     record;
    fact    name;
    dropped integer := 0;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    DELETE FROM recent_production WHERE plant_day <= current_date - 100;
    FOR old IN
        SELECT m.month FROM fact_months m, retention r
        WHERE m.dropped_at IS NULL
          AND (m.month + interval '1 month') AT TIME ZONE 'UTC' < now() - r.facts
          AND m.last_received_at < now() - r.late_facts
          AND NOT EXISTS (SELECT FROM aggregate_repairs a WHERE date_trunc('month', a.day::timestamp)::date = m.month)
        ORDER BY 1 FOR UPDATE OF m SKIP LOCKED
    LOOP
        UPDATE fact_months SET dropped_at = now() WHERE month = old;
        dropped := dropped + 1;
    END LOOP;
    IF dropped = 0 THEN
        RETURN 0;
    END IF;
    -- A chunk goes once all of it lies in months that are dropped or never held anything.
    FOR run IN
        WITH months AS (
            SELECT g::date AS month FROM retention r, generate_series(
                (SELECT min(month) FROM fact_months)::timestamp, (now() - r.facts) AT TIME ZONE 'UTC' - interval '1 month', '1 month') g
        ), gone AS (
            SELECT m.month, m.month - (row_number() OVER (ORDER BY m.month))::int * interval '1 month' AS island
            FROM months m LEFT JOIN fact_months f USING (month) WHERE f.month IS NULL OR f.dropped_at IS NOT NULL
        )
        SELECT min(month)::timestamp AT TIME ZONE 'UTC' AS from_at,
               (max(month) + interval '1 month') AT TIME ZONE 'UTC' AS to_at FROM gone GROUP BY island
    LOOP
        FOR fact IN SELECT f.name FROM fact_tables f ORDER BY f.name LOOP
            PERFORM drop_chunks(fact::regclass, older_than => run.to_at, newer_than => run.from_at);
        END LOOP;
    END LOOP;
    RETURN dropped;
END $$;
COMMENT ON FUNCTION apply_retention IS 'Drops the months that retention has passed and every aggregate has taken in. Safe to call at any time, by anyone, twice.';
