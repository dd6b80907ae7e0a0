-- purpose: which database this is: its server, its number there, and the timeline of the server's WAL
-- called by: role reader (artifactstore doctor), check_home, settle_home
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.here()
RETURNS artifactstore.home
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
    -- With the owner's rights: not everybody may read the control file everywhere.
    -- It has the timeline of the last checkpoint, which after a promotion is the one before.
    SELECT s.system_identifier, d.oid,
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN (
            SELECT c.timeline_id FROM pg_catalog.pg_control_checkpoint() c)
        ELSE ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::integer
        END,
        clock_timestamp(), p.sequence, p.log_id, p.epoch_id, p.identity, clock_timestamp()
    FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d,
        artifactstore.point_at(artifactstore.log_head()) p
    WHERE d.datname = current_database()
$$;

COMMENT ON FUNCTION artifactstore.here() IS
'What artifactstore.home would hold if the log were at home in this database';
