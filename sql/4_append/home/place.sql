-- purpose: which database this is, without what the log in it is
-- called by: here, check_home
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.place(
    OUT system_identifier bigint, OUT database_oid oid, OUT timeline integer
)
LANGUAGE sql STABLE
AS $$
    -- The control file has the timeline of the last checkpoint, which after a promotion is the one before.
    SELECT s.system_identifier, d.oid,
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN (
            SELECT c.timeline_id FROM pg_catalog.pg_control_checkpoint() c)
        ELSE ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::integer
        END
    FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d
    WHERE d.datname = current_database()
$$;

COMMENT ON FUNCTION artifactstore.place() IS
'The server, the number of the database there, and the timeline of the server''s WAL';
