-- Without TimescaleDB: summaries are tables that sync keeps exact, additively, in the transaction that writes the facts.

CREATE TABLE IF NOT EXISTS daily_production_summary (
    plant_id   integer NOT NULL,
    machine_id integer NOT NULL,
    plant_day  date    NOT NULL,
    good       bigint  NOT NULL,
    scrap      bigint  NOT NULL,
    rework     bigint  NOT NULL,
    PRIMARY KEY (plant_id, machine_id, plant_day)
) WITH (fillfactor = 50);
COMMENT ON TABLE daily_production_summary IS 'Pieces by machine and day of the plant: always the sum of production_logs.delta, dropped months included.';

CREATE OR REPLACE VIEW recent_production AS
SELECT plant_id, machine_id, plant_day, good, scrap, rework FROM daily_production_summary;
COMMENT ON VIEW recent_production IS 'daily_production_summary of at least the last 100 days, at the price of a look at an index.';

CREATE TABLE IF NOT EXISTS weekly_downtime_summary (
    plant_id        integer NOT NULL,
    machine_id      integer NOT NULL,
    plant_week      date    NOT NULL,
    stops           bigint  NOT NULL,
    ended_stops     bigint  NOT NULL,
    microstops      bigint  NOT NULL,
    lasted_us       bigint  NOT NULL,
    micro_lasted_us bigint  NOT NULL,
    PRIMARY KEY (plant_id, machine_id, plant_week)
) WITH (fillfactor = 50);
COMMENT ON TABLE weekly_downtime_summary IS 'Stops by machine and week of the plant (its Monday): always the sum of downtime_tracking, dropped months included.';

CREATE OR REPLACE FUNCTION roll_up_production(plants integer[], machines integer[], days date[],
                                              goods bigint[], scraps bigint[], reworks bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO daily_production_summary AS s
    SELECT p, m, d, sum(g), sum(c), sum(r)
    FROM unnest(plants, machines, days, goods, scraps, reworks) t(p, m, d, g, c, r)
    GROUP BY p, m, d ORDER BY p, m, d -- in one order everywhere: two groups never wait for each other in a circle
    ON CONFLICT (plant_id, machine_id, plant_day) DO UPDATE
    SET good = s.good + excluded.good, scrap = s.scrap + excluded.scrap, rework = s.rework + excluded.rework;
$$;

CREATE OR REPLACE FUNCTION roll_up_downtime(plants integer[], machines integer[], days date[], stops bigint[],
                                            endeds bigint[], micros bigint[], lasted bigint[], micro_lasted bigint[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO weekly_downtime_summary AS s
    SELECT p, m, date_trunc('week', d::timestamp)::date, sum(b), sum(e), sum(i), sum(l), sum(j)
    FROM unnest(plants, machines, days, stops, endeds, micros, lasted, micro_lasted) t(p, m, d, b, e, i, l, j)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (plant_id, machine_id, plant_week) DO UPDATE
    SET stops = s.stops + excluded.stops, ended_stops = s.ended_stops + excluded.ended_stops,
        microstops = s.microstops + excluded.microstops, lasted_us = s.lasted_us + excluded.lasted_us,
        micro_lasted_us = s.micro_lasted_us + excluded.micro_lasted_us;
$$;

-- Nothing to repair: the tables above are exact as soon as the facts are.
CREATE OR REPLACE FUNCTION facts_touched(aggregates name[], days date[]) RETURNS void LANGUAGE sql AS $$ SELECT $$;

CREATE OR REPLACE FUNCTION aggregate_refreshes_due()
RETURNS TABLE (aggregate name, from_at timestamptz, to_at timestamptz, repairs bigint[]) LANGUAGE sql AS $$
    SELECT NULL::name, NULL::timestamptz, NULL::timestamptz, NULL::bigint[] WHERE false;
$$;
