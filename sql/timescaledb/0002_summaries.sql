-- With TimescaleDB: summaries are views over continuous aggregates. The aggregates group by UTC day (what time_bucket
-- needs) and by the plant's day (what people count by), so daylight saving and time zones do not touch them.
-- They answer up to the last row (materialized_only = false). No refresh policy: central refreshes, one at a time, the
-- days that have become past and exactly those older ones that late facts touched (aggregate_repairs).

CREATE MATERIALIZED VIEW IF NOT EXISTS production_by_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', at) AS bucket, plant_id, machine_id, plant_day,
       sum(delta) FILTER (WHERE quality = 'good')   AS good,
       sum(delta) FILTER (WHERE quality = 'scrap')  AS scrap,
       sum(delta) FILTER (WHERE quality = 'rework') AS rework
FROM production_logs
GROUP BY bucket, plant_id, machine_id, plant_day
WITH NO DATA;

CREATE MATERIALIZED VIEW IF NOT EXISTS downtime_by_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', at) AS bucket, plant_id, machine_id, plant_day,
       sum(began) AS stops, sum(ended) AS ended_stops,
       sum(ended) FILTER (WHERE micro) AS microstops,
       sum(lasted_us) AS lasted_us, sum(lasted_us) FILTER (WHERE micro) AS micro_lasted_us
FROM downtime_tracking
GROUP BY bucket, plant_id, machine_id, plant_day
WITH NO DATA;

CREATE OR REPLACE VIEW daily_production_summary AS
SELECT plant_id, machine_id, plant_day,
       coalesce(sum(good), 0)::bigint AS good, coalesce(sum(scrap), 0)::bigint AS scrap, coalesce(sum(rework), 0)::bigint AS rework
FROM production_by_day GROUP BY plant_id, machine_id, plant_day;
COMMENT ON VIEW daily_production_summary IS 'Pieces by machine and day of the plant: always the sum of production_logs.delta, dropped months included.';

CREATE OR REPLACE VIEW weekly_downtime_summary AS
SELECT plant_id, machine_id, date_trunc('week', plant_day::timestamp)::date AS plant_week,
       sum(stops)::bigint AS stops, sum(ended_stops)::bigint AS ended_stops,
       coalesce(sum(microstops), 0)::bigint AS microstops,
       sum(lasted_us)::bigint AS lasted_us, coalesce(sum(micro_lasted_us), 0)::bigint AS micro_lasted_us
FROM downtime_by_day GROUP BY plant_id, machine_id, date_trunc('week', plant_day::timestamp)::date;
COMMENT ON VIEW weekly_downtime_summary IS 'Stops by machine and week of the plant (its Monday): always the sum of downtime_tracking, dropped months included.';

-- Days that are not materialized yet are summed from the facts whenever they are asked for: too much for a board that
-- looks several times a second. So the sums of recent days are also kept additively, as on stock PostgreSQL.
DO $$
BEGIN
    IF to_regclass('recent_production') IS NULL THEN
        CREATE TABLE recent_production (
            plant_id   integer NOT NULL,
            machine_id integer NOT NULL,
            plant_day  date    NOT NULL,
            good       bigint  NOT NULL,
            scrap      bigint  NOT NULL,
            rework     bigint  NOT NULL,
            PRIMARY KEY (plant_id, machine_id, plant_day)
        ) WITH (fillfactor = 50);
        -- No facts in between: what is written after this is added by the function below.
        LOCK TABLE production_logs IN SHARE MODE;
        INSERT INTO recent_production
        SELECT plant_id, machine_id, plant_day, good, scrap, rework FROM daily_production_summary
        WHERE plant_day > current_date - 100;
    END IF;
    -- In the transaction of the lock.
    CREATE OR REPLACE FUNCTION roll_up_production(plants integer[], machines integer[], days date[],
                                                  goods bigint[], scraps bigint[], reworks bigint[]) RETURNS void
    LANGUAGE sql AS $roll_up$
        INSERT INTO recent_production AS s
        SELECT p, m, d, sum(g), sum(c), sum(r)
        FROM unnest(plants, machines, days, goods, scraps, reworks) t(p, m, d, g, c, r)
        WHERE d > current_date - 100
        GROUP BY p, m, d ORDER BY p, m, d -- in one order everywhere: two groups never wait for each other in a circle
        ON CONFLICT (plant_id, machine_id, plant_day) DO UPDATE
        SET good = s.good + excluded.good, scrap = s.scrap + excluded.scrap, rework = s.rework + excluded.rework;
    $roll_up$;
END $$;
COMMENT ON TABLE recent_production IS 'daily_production_summary of at least the last 100 days, at the price of a look at an index.';

-- The aggregates do this by themselves.
CREATE OR REPLACE FUNCTION roll_up_downtime(plants integer[], machines integer[], days date[], stops bigint[],
                                            endeds bigint[], micros bigint[], lasted bigint[], micro_lasted bigint[])
RETURNS void LANGUAGE sql AS $$ SELECT $$;

CREATE OR REPLACE FUNCTION facts_touched(aggregates name[], days date[]) RETURNS void LANGUAGE sql AS $$
    -- Days from the day before yesterday on are not materialized before central gets to them; a day of margin covers
    -- a refresh that runs as this transaction does.
    INSERT INTO aggregate_repairs (aggregate, day)
    SELECT DISTINCT a, d FROM unnest(aggregates, days) t(a, d) WHERE d < (now() AT TIME ZONE 'UTC')::date - 1;
$$;
COMMENT ON FUNCTION facts_touched IS 'Called in the transaction that wrote facts, with the UTC days of their `at` and the aggregate they count in.';

CREATE OR REPLACE FUNCTION aggregate_refreshes_due()
RETURNS TABLE (aggregate name, from_at timestamptz, to_at timestamptz, repairs bigint[]) LANGUAGE sql STABLE AS $$
    -- What late facts touched, neighbouring days in one.
    WITH touched AS (
        SELECT a.aggregate, a.day, array_agg(a.id) AS ids,
               a.day - (row_number() OVER (PARTITION BY a.aggregate ORDER BY a.day))::int AS island
        FROM aggregate_repairs a GROUP BY a.aggregate, a.day
    )
    SELECT t.aggregate, min(t.day)::timestamp AT TIME ZONE 'UTC', (max(t.day) + 1)::timestamp AT TIME ZONE 'UTC',
           (SELECT array_agg(a.id) FROM aggregate_repairs a
            WHERE a.aggregate = t.aggregate AND a.day BETWEEN min(t.day) AND max(t.day))
    FROM touched t GROUP BY t.aggregate, t.island
    UNION ALL
    -- Days that have become past, two days behind: what arrives in time never has to be repaired.
    SELECT w.view_name, greatest(w.watermark, now() - r.facts),
           date_trunc('day', now(), 'UTC') - interval '1 day', '{}'
    FROM retention r, (
        SELECT c.view_name, _timescaledb_functions.to_timestamp(
                   _timescaledb_functions.cagg_watermark(h.id)) AS watermark
        FROM timescaledb_information.continuous_aggregates c
        JOIN _timescaledb_catalog.hypertable h
          ON h.schema_name = c.materialization_hypertable_schema AND h.table_name = c.materialization_hypertable_name
        WHERE c.view_name IN ('production_by_day', 'downtime_by_day')
    ) w
    WHERE w.watermark < date_trunc('day', now(), 'UTC') - interval '1 day';
$$;
COMMENT ON FUNCTION aggregate_refreshes_due IS 'Windows for refresh_continuous_aggregate, and the rows of aggregate_repairs that each of them settles.';
