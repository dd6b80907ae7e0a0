-- Where the log lives: a copy must not be written to by accident. State outside the log.
-- depends: 0005_view_sets

CREATE TABLE artifactstore.home (
    system_identifier bigint NOT NULL,
    database_oid oid NOT NULL,
    timeline integer NOT NULL,
    since timestamptz NOT NULL
);
CREATE UNIQUE INDEX home_one_row_key ON artifactstore.home ((true));

COMMENT ON TABLE artifactstore.home IS 'The database in which this log is written (state outside the log): in any other one appends are refused (moved) until artifactstore.adopt() or artifactstore.restored(reason)';
COMMENT ON COLUMN artifactstore.home.system_identifier IS 'Of the server, as pg_control_system() tells it; a standby has that of its primary';
COMMENT ON COLUMN artifactstore.home.database_oid IS 'Of the database, as pg_database has it';
COMMENT ON COLUMN artifactstore.home.timeline IS 'Of the server''s WAL: a promotion begins another one, which only warns';
COMMENT ON COLUMN artifactstore.home.since IS 'When this became its home';

-- A log that was there before is at home where it is; an empty one where its first event is appended.
INSERT INTO artifactstore.home
SELECT (SELECT s.system_identifier FROM pg_catalog.pg_control_system() s),
    (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()),
    (SELECT c.timeline_id FROM pg_catalog.pg_control_checkpoint() c), clock_timestamp()
WHERE EXISTS (SELECT FROM artifactstore.events);
