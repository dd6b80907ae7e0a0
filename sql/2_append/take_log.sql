-- purpose: lock the log where it is at home, and see where it stands
-- called by: append, append_commands
-- writes: at first home (locks append_lock)
CREATE OR REPLACE FUNCTION artifactstore.take_log(OUT head bigint, OUT now timestamptz)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.lock_log();
    PERFORM artifactstore.check_home();
    -- A statement of its own after the lock: under READ COMMITTED it sees the last commit.
    SELECT e.sequence, greatest(clock_timestamp(), e.created_at) INTO head, now
    FROM artifactstore.events e ORDER BY e.sequence DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
        now := clock_timestamp();
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.take_log() IS
'Takes the append lock; the head (0: none) and the created_at of what comes next, never before that of the head';
