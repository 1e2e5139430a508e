-- What agents are sent so that a station works for days without central. A change of any of it raises the plant's revision.

CREATE TABLE products (
    plant_id       integer NOT NULL REFERENCES plants,
    code           text    NOT NULL,
    title          text    NOT NULL DEFAULT '',
    ideal_cycle_ms bigint CHECK (ideal_cycle_ms > 0),
    PRIMARY KEY (plant_id, code)
);
COMMENT ON COLUMN products.ideal_cycle_ms IS 'None when unknown: never invented.';

CREATE TABLE work_orders (
    plant_id   integer NOT NULL REFERENCES plants,
    code       text    NOT NULL,
    product    text    NOT NULL,
    machine_id integer REFERENCES machines,
    quantity   bigint CHECK (quantity >= 0),
    due_at     timestamptz,
    active     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (plant_id, code),
    FOREIGN KEY (plant_id, product) REFERENCES products
);
COMMENT ON COLUMN work_orders.active IS 'Only active orders are sent to agents.';

CREATE TABLE reasons (
    plant_id   integer NOT NULL REFERENCES plants,
    code       text    NOT NULL,
    title      text    NOT NULL DEFAULT '',
    applies_to text    NOT NULL,
    planned    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (plant_id, code)
);
COMMENT ON COLUMN reasons.applies_to IS 'What the reason explains: downtime, scrap.';

CREATE TABLE operators (
    plant_id   integer NOT NULL REFERENCES plants,
    number     text    NOT NULL,
    name       text    NOT NULL,
    badge_hash text,
    pin_hash   text,
    active     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (plant_id, number)
);
COMMENT ON TABLE operators IS 'People who may log on at a station. Hashes are argon2id in PHC form; they are sent to the agents of their plant.';

CREATE TABLE shifts (
    plant_id  integer     NOT NULL REFERENCES plants,
    name      text        NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL CHECK (ends_at > starts_at),
    PRIMARY KEY (plant_id, starts_at, name)
);
COMMENT ON TABLE shifts IS 'The shift calendar, as moments: which shift runs from when to when.';

CREATE FUNCTION raise_master_data_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        UPDATE plants SET master_data_revision = master_data_revision + 1
        WHERE id IN (SELECT plant_id FROM new_rows);
    ELSIF tg_op = 'DELETE' THEN
        UPDATE plants SET master_data_revision = master_data_revision + 1
        WHERE id IN (SELECT plant_id FROM old_rows);
    ELSE
        UPDATE plants SET master_data_revision = master_data_revision + 1
        WHERE id IN (SELECT plant_id FROM new_rows UNION SELECT plant_id FROM old_rows);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION raise_master_data_revision() IS 'Once a statement, not once a row: an import of 10,000 orders is one revision.';

DO $$
DECLARE master name;
BEGIN
    FOREACH master IN ARRAY '{machines,products,work_orders,reasons,operators,shifts}'::name[] LOOP
        EXECUTE format('CREATE TRIGGER master_data_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION raise_master_data_revision()', master);
        EXECUTE format('CREATE TRIGGER master_data_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION raise_master_data_revision()', master);
        EXECUTE format('CREATE TRIGGER master_data_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows
            FOR EACH STATEMENT EXECUTE FUNCTION raise_master_data_revision()', master);
    END LOOP;
END $$;

CREATE FUNCTION raise_plant_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.master_data_revision := OLD.master_data_revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER master_data_plant BEFORE UPDATE ON plants FOR EACH ROW
    WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION raise_plant_revision();
