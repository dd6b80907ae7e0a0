-- purpose: which database this is: its server, its number there, and the timeline of the server's WAL
-- called by: role reader (artifactstore doctor), check_home, settle_home
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.here()
RETURNS artifactstore.home
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
    -- With the owner's rights: not everybody may read the control file everywhere.
    SELECT d.system_identifier, d.database_oid, d.timeline,
        clock_timestamp(), p.sequence, p.log_id, p.epoch_id, p.identity, clock_timestamp()
    FROM artifactstore.place() d, artifactstore.point_at(artifactstore.log_head()) p
$$;

COMMENT ON FUNCTION artifactstore.here() IS
'What artifactstore.home would hold if the log were at home in this database';
