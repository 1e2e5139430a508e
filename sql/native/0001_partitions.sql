-- Without TimescaleDB: fact tables become natively partitioned by month (UTC) of `at`. Idempotent.
-- There is no default partition: sync asks prepare_facts for the months it is about to write, however old.

DO $$
DECLARE
    fact record;
    rows bigint;
BEGIN
    FOR fact IN SELECT f.name, obj_description(c.oid, 'pg_class') AS comment
                FROM fact_tables f JOIN pg_class c ON c.oid = to_regclass(f.name::text) WHERE c.relkind = 'r'
    LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %I LIMIT 1) t', fact.name) INTO rows;
        IF rows > 0 THEN
            RAISE EXCEPTION 'table % holds rows and is not partitioned', fact.name;
        END IF;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', fact.name, fact.name || '_plain');
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY RANGE (at)', fact.name, fact.name || '_plain');
        EXECUTE format('DROP TABLE %I', fact.name || '_plain');
        EXECUTE format('COMMENT ON TABLE %I IS %L', fact.name, fact.comment);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION ensure_partitions(from_at timestamptz, to_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    fact      name;
    month     timestamp;
    partition text;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', from_at AT TIME ZONE 'UTC'), to_at AT TIME ZONE 'UTC', '1 month') LOOP
        FOR fact IN SELECT f.name FROM fact_tables f ORDER BY f.name LOOP
            partition := fact || to_char(month, '"_y"YYYY"m"MM');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            -- One maker at a time; the second finds the first one's table.
            PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            -- Made apart and then attached: CREATE … PARTITION OF would lock out every writer of the parent.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, fact);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', fact, partition,
                           month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION ensure_partitions IS 'Makes the monthly partitions that rows of this span need.';

CREATE OR REPLACE FUNCTION prepare_facts(months date[]) RETURNS SETOF date LANGUAGE plpgsql AS $$
DECLARE m date;
BEGIN
    INSERT INTO fact_months AS f (month, last_received_at)
    SELECT DISTINCT t.m, now() FROM unnest(months) t(m) ORDER BY 1
    ON CONFLICT (month) DO UPDATE SET last_received_at = now()
        WHERE f.dropped_at IS NULL AND f.last_received_at < now() - interval '1 hour';
    FOR m IN SELECT f.month FROM fact_months f WHERE f.month = ANY (months) AND f.dropped_at IS NULL LOOP
        PERFORM ensure_partitions(m::timestamp AT TIME ZONE 'UTC', m::timestamp AT TIME ZONE 'UTC');
    END LOOP;
    RETURN QUERY SELECT f.month FROM fact_months f WHERE f.month = ANY (months) AND f.dropped_at IS NOT NULL;
END $$;
COMMENT ON FUNCTION prepare_facts IS 'Called before facts of these months (first days, UTC) are written; returns those that are closed because their rows were dropped.';

CREATE OR REPLACE FUNCTION apply_retention() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    old     date;
    fact    name;
    dropped integer := 0;
BEGIN
    PERFORM ensure_partitions(now(), now() + interval '2 months');
    PERFORM set_config('lock_timeout', '5s', true);
    FOR old IN
        SELECT m.month FROM fact_months m, retention r
        WHERE m.dropped_at IS NULL
          AND (m.month + interval '1 month') AT TIME ZONE 'UTC' < now() - r.facts
          AND m.last_received_at < now() - r.late_facts
        ORDER BY 1 FOR UPDATE OF m SKIP LOCKED
    LOOP
        FOR fact IN SELECT f.name FROM fact_tables f ORDER BY f.name LOOP
            EXECUTE format('DROP TABLE IF EXISTS %I', fact || to_char(old, '"_y"YYYY"m"MM'));
        END LOOP;
        UPDATE fact_months SET dropped_at = now() WHERE month = old;
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
COMMENT ON FUNCTION apply_retention IS 'Makes partitions ahead of need and drops the months that retention has passed. Safe to call at any time, by anyone, twice.';
