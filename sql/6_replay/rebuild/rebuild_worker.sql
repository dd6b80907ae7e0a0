-- purpose: does anybody work on the rebuild
-- called by: role reader (artifactstore doctor)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.rebuild_worker()
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_pid integer;
BEGIN
    -- On a standby nobody works on it, or can read it: it is unlogged.
    IF NOT pg_is_in_recovery()
        AND artifactstore.view_set_fault('artifactstore_rebuild', false) IS NULL
        AND to_regclass('artifactstore_rebuild.progress') IS NOT NULL
    THEN
        SELECT a.pid INTO v_pid
        FROM artifactstore_rebuild.progress p JOIN pg_catalog.pg_stat_activity a USING (pid)
        WHERE a.datname = current_database();
    END IF;
    RETURN v_pid;
END
$$;

COMMENT ON FUNCTION artifactstore.rebuild_worker() IS
'Backend of the replay that is under way beside the live views, null for none';
