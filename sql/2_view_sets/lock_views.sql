-- purpose: keep everybody out of the live views until commit, and let nobody look at them as they were
-- called by: replay
-- writes: nothing (locks the live views)
CREATE OR REPLACE FUNCTION artifactstore.lock_views(p_doubted boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_mark xid;
    v_deadline timestamptz;
    v_old integer[];
BEGIN
    PERFORM artifactstore.limit_waits();
    BEGIN
        -- The door: all transactions of this software that look twice begin with it, before their snapshot
        -- (db.READS_VIEWS). So when nobody has it, none of them reads views, and those that come wait here.
        LOCK TABLE artifactstore.log_epochs IN ACCESS EXCLUSIVE MODE;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        PERFORM artifactstore.refuse_wait('the live views', artifactstore.table_users(
            'artifactstore', '{log_epochs}'));
    END;
    PERFORM artifactstore.lock_tables('artifactstore', artifactstore.view_names());

    -- A pg_dump that has its snapshot and not yet its locks would find the views empty and call it a backup.
    -- If its snapshot is of after doubt_views, the dump says so itself; if of before, it is waited for.
    IF NOT p_doubted THEN
        RETURN;
    END IF;
    SELECT s.xmin INTO v_mark FROM artifactstore.software s WHERE s.viewed_by IS NULL;
    IF NOT FOUND THEN
        PERFORM artifactstore.refuse('busy', '{"problem": "another replay ended just now: repeat this one"}');
    END IF;
    v_deadline := clock_timestamp() + current_setting('lock_timeout')::interval;
    LOOP
        PERFORM pg_stat_clear_snapshot();
        v_old := ARRAY(
            SELECT a.pid FROM pg_catalog.pg_stat_activity a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                AND a.usesysid IS NOT NULL -- else a worker of the server itself
                AND age(a.backend_xmin) >= age(v_mark)
                AND a.application_name !~ '^artifactstore( |$)');
        EXIT WHEN v_old = '{}';
        IF clock_timestamp() > v_deadline THEN
            PERFORM artifactstore.refuse_wait('old snapshots, which would see empty views', v_old);
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.lock_views(boolean) IS
'Locks all live views in ACCESS EXCLUSIVE mode until commit, log_epochs first; '
'p_doubted: also waits for sessions of other software with an older snapshot. '
'Each wait ends after lock_timeout (5 s) with busy, naming the backends';
