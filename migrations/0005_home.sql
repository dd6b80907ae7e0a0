-- Where the log lives: a copy must not be written to by accident. State outside the log.
-- depends: 0004_view_sets

CREATE TABLE artifactstore.home (
    system_identifier bigint NOT NULL,
    database_oid oid NOT NULL,
    timeline integer NOT NULL,
    since timestamptz NOT NULL,
    sequence bigint NOT NULL,
    log_id uuid,
    epoch_id uuid,
    identity bytea,
    noted_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX home_one_row_key ON artifactstore.home ((true));

COMMENT ON TABLE artifactstore.home IS
'The database in which this log is written (state outside the log): in any other one appends are refused '
'(moved) until artifactstore.adopt() or artifactstore.restored(reason)';
COMMENT ON COLUMN artifactstore.home.system_identifier IS
'Of the server, as pg_control_system() tells it; a standby has that of its primary';
COMMENT ON COLUMN artifactstore.home.database_oid IS 'Of the database, as pg_database has it';
COMMENT ON COLUMN artifactstore.home.timeline IS
'Of the server''s WAL: a promotion begins another one, which only warns';
COMMENT ON COLUMN artifactstore.home.since IS 'When this became its home';
COMMENT ON COLUMN artifactstore.home.sequence IS
'Where the log stood when it came or was adopted: the log has this event, or lost it';
COMMENT ON COLUMN artifactstore.home.log_id IS 'Log that it was; null while it was empty';
COMMENT ON COLUMN artifactstore.home.epoch_id IS 'Epoch of the log at that event; null while it was empty';
COMMENT ON COLUMN artifactstore.home.identity IS
'Identity of that event (event_identity); null while the log was empty';
COMMENT ON COLUMN artifactstore.home.noted_at IS 'When that was';
