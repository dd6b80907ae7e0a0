-- purpose: be the only appender until commit, from before the first savepoint on
-- called by: role service (Store.hold_log)
-- writes: nothing (locks append_lock)
CREATE OR REPLACE FUNCTION artifactstore.hold_log()
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    PERFORM artifactstore.lock_log();
END
$$;

COMMENT ON FUNCTION artifactstore.hold_log() IS
'Takes the append lock until commit. append does it itself; ahead of it, a rollback to a savepoint keeps the lock, so that several appends are judged in a row';
