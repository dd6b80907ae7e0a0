-- purpose: no lock is waited for without a limit
-- called by: lock_log, lock_each, lock_views, begin_rebuild, check_rebuild, create_schema, view_set_fault,
--     create_snapshot, doubt_views, take_scratch, rebuild_part, doubt_locks, note_locks, forget_locks
-- writes: nothing (sets lock_timeout)
CREATE OR REPLACE FUNCTION artifactstore.limit_waits()
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_set text;
BEGIN
    -- Transaction-local, since role settings are not inherited by members.
    IF current_setting('lock_timeout') = '0' THEN
        v_set := set_config('lock_timeout', '5s', true);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.limit_waits() IS
'Until the end of the transaction: 5 s lock_timeout unless the session has its own';
