-- What people maintain over the API: numbers that addresses name, versions so that no change overwrites another unseen,
-- and what may be retired because facts refer to it.

CREATE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION raise_version() IS 'A change names the version it was made from; one made from an older version is refused.';

ALTER TABLE products
    ADD id      integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD version integer NOT NULL DEFAULT 1,
    ADD active  boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN products.active IS 'Agents are sent active products, and those of active work orders.';

ALTER TABLE work_orders
    ADD id      integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN work_orders.active IS 'Only active orders are sent to agents; the others are closed.';
CREATE INDEX work_orders_product ON work_orders (plant_id, product);

-- Scrap and rework are explained by the same reasons, reported in one step.
UPDATE reasons SET applies_to = 'pieces' WHERE applies_to <> 'downtime';
ALTER TABLE reasons
    ADD id      integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD version integer NOT NULL DEFAULT 1,
    ADD active  boolean NOT NULL DEFAULT true,
    ADD CHECK (applies_to IN ('downtime', 'pieces'));
COMMENT ON COLUMN reasons.applies_to IS 'What the reason explains: downtime (a stop), or pieces (scrap and rework).';
COMMENT ON COLUMN reasons.active IS 'Only active reasons are offered; entries keep the ones they were given.';

ALTER TABLE operators
    ADD id      integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD version integer NOT NULL DEFAULT 1;
-- Hashes of one plant's badges are comparable because they share their salt.
CREATE UNIQUE INDEX operators_badge ON operators (plant_id, badge_hash);

ALTER TABLE plants
    ADD version    integer NOT NULL DEFAULT 1,
    ADD badge_salt bytea   NOT NULL DEFAULT uuid_send(gen_random_uuid()) CHECK (length(badge_salt) = 16);
COMMENT ON COLUMN plants.badge_salt IS 'Salt of every badge hash of this plant: a station hashes a scanned badge once and compares. PINs have a salt each.';

ALTER TABLE lines    ADD version integer NOT NULL DEFAULT 1;
ALTER TABLE machines ADD version integer NOT NULL DEFAULT 1;

DO $$
DECLARE kept name;
BEGIN
    FOREACH kept IN ARRAY '{lines,machines,products,work_orders,reasons,operators}'::name[] LOOP
        EXECUTE format('CREATE TRIGGER version BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION raise_version()', kept);
    END LOOP;
END $$;

-- The revision is raised once a transaction: an import inserts and updates in one statement, which fires both triggers.
-- A plant's row that this transaction has written has its revision raised already, by these triggers or by its own.
CREATE OR REPLACE FUNCTION raise_master_data_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        UPDATE plants SET master_data_revision = master_data_revision + 1
        WHERE id IN (SELECT plant_id FROM new_rows) AND xmin <> pg_current_xact_id()::xid;
    ELSIF tg_op = 'DELETE' THEN
        UPDATE plants SET master_data_revision = master_data_revision + 1
        WHERE id IN (SELECT plant_id FROM old_rows) AND xmin <> pg_current_xact_id()::xid;
    ELSE
        UPDATE plants SET master_data_revision = master_data_revision + 1
        WHERE id IN (SELECT plant_id FROM new_rows UNION SELECT plant_id FROM old_rows)
          AND xmin <> pg_current_xact_id()::xid;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION raise_master_data_revision() IS 'Once a transaction, not once a row: an import of 10,000 orders is one revision.';

CREATE OR REPLACE FUNCTION raise_plant_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.master_data_revision := OLD.master_data_revision + 1;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
DROP TRIGGER master_data_plant ON plants;
CREATE TRIGGER master_data_plant BEFORE UPDATE ON plants FOR EACH ROW
    WHEN ((OLD.name, OLD.title, OLD.time_zone) IS DISTINCT FROM (NEW.name, NEW.title, NEW.time_zone))
    EXECUTE FUNCTION raise_plant_revision();

ALTER TABLE enrolment_invitations ADD revoked_at timestamptz, ADD revoked_by text;
COMMENT ON COLUMN enrolment_invitations.revoked_at IS 'A revoked invitation has expired at this moment.';
