-- purpose: say who is in the way when a wait for a lock is over
-- called by: lock_log, lock_tables, lock_views, begin_rebuild
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_wait(p_what text, p_pids integer[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_pids integer[];
    v_who text;
BEGIN
    PERFORM pg_stat_clear_snapshot();
    SELECT array_agg(p.pid ORDER BY p.pid), string_agg(
        concat('backend ', p.pid, ' (' || nullif(a.application_name, '') || ')'), ', ' ORDER BY p.pid)
    INTO v_pids, v_who
    FROM (SELECT DISTINCT pid FROM unnest(p_pids) AS pid WHERE pid <> pg_backend_pid()) p
    LEFT JOIN pg_catalog.pg_stat_activity a USING (pid);
    PERFORM artifactstore.refuse('busy', jsonb_build_object(
        'problem', format('waited %s for %s, in use by %s', current_setting('lock_timeout'), p_what,
            coalesce(v_who, 'a session that has ended since, or a prepared transaction')),
        'pids', to_jsonb(coalesce(v_pids, '{}')), 'lock_timeout', current_setting('lock_timeout')));
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_wait(text, integer[]) IS
'Refuses busy: what was waited for, for how long, and which backends (p_pids) are in the way';
