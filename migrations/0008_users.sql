-- Who may ask: people and their sessions, tokens of programs, and the record of what they did.

CREATE TABLE users (
    id                  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                text        NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    display_name        text        NOT NULL DEFAULT '',
    password_hash       text        NOT NULL,
    role                text        NOT NULL CHECK (role IN ('operator', 'shift_lead', 'manager', 'administrator')),
    plants              integer[],
    enabled             boolean     NOT NULL DEFAULT true,
    password_changed_at timestamptz NOT NULL,
    last_login_at       timestamptz,
    created_at          timestamptz NOT NULL
);
COMMENT ON TABLE users IS 'People who log in to the dashboard. Never deleted: what they did carries their name.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id, as a PHC string with its parameters and salt.';
COMMENT ON COLUMN users.plants IS 'Ids of the plants that they see; null for all, also those to come.';

CREATE TABLE sessions (
    token_hash   bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id      integer     NOT NULL REFERENCES users,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    address      text
);
CREATE INDEX sessions_user ON sessions (user_id);
COMMENT ON TABLE sessions IS 'Who is logged in. A row is a session: what ends one deletes it. Idle and expired rows are nobody''s and deleted at the next log-in.';
COMMENT ON COLUMN sessions.token_hash IS 'BLAKE3 of the 256 random bits in the cookie.';
COMMENT ON COLUMN sessions.last_seen_at IS 'To the minute.';

CREATE TABLE api_tokens (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text        NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    prefix       text        NOT NULL UNIQUE,
    secret_hash  bytea       NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    scopes       text[]      NOT NULL CHECK (cardinality(scopes) > 0),
    plants       integer[],
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text
);
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (name) WHERE revoked_at IS NULL;
COMMENT ON TABLE api_tokens IS 'What programs ask with. Kept after revocation as the record of who could ask.';
COMMENT ON COLUMN api_tokens.prefix IS 'The part of the token that may be shown.';
COMMENT ON COLUMN api_tokens.secret_hash IS 'BLAKE3 of its 256 random bits.';
COMMENT ON COLUMN api_tokens.last_used_at IS 'To the minute.';

CREATE TABLE setup_codes (
    code_hash  bytea       PRIMARY KEY CHECK (length(code_hash) = 32),
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE setup_codes IS 'Each makes the first administrator while there is no user; the first one that does ends all.';

CREATE TABLE audit_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor_kind   text        NOT NULL CHECK (actor_kind IN ('user', 'token', 'command')),
    actor        text        NOT NULL,
    action       text        NOT NULL,
    subject_kind text        NOT NULL,
    subject_id   text        NOT NULL,
    plant_id     integer REFERENCES plants,
    detail       jsonb       NOT NULL DEFAULT '{}',
    address      text
);
CREATE INDEX audit_log_subject ON audit_log (subject_kind, subject_id, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
COMMENT ON TABLE audit_log IS 'Who changed what. Written in the transaction of the change; rows are never changed or deleted.';

CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of audit_log are never changed or deleted';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log();
