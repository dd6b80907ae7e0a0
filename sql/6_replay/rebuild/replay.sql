-- purpose: empty the live views and fill them again from the log, in one transaction: all or nothing
-- called by: role operator (artifactstore replay --truncate)
-- writes: the live views, software; home, if it is unset
CREATE OR REPLACE FUNCTION artifactstore.replay(p_snapshot text DEFAULT NULL, p_doubted boolean DEFAULT false)
RETURNS TABLE (head bigint, seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_started timestamptz := clock_timestamp();
    v_from bigint := 0;
BEGIN
    IF p_snapshot IS NOT NULL THEN
        v_from := artifactstore.trusted_sequence(p_snapshot);
    END IF;
    PERFORM artifactstore.lock_log();
    -- Its rows were read before the lock; that they are of this history is what must still hold.
    IF p_snapshot IS NOT NULL AND artifactstore.view_set_problem(p_snapshot, false) IS NOT NULL THEN
        PERFORM artifactstore.refuse('bad-view-set', jsonb_build_object(
            'problem', artifactstore.view_set_problem(p_snapshot, false)));
    END IF;
    PERFORM artifactstore.lock_views(p_doubted);
    head := artifactstore.log_head();
    PERFORM set_config('artifactstore.projecting', 'on', true);
    TRUNCATE artifactstore.artifact_packages, artifactstore.artifact_files, artifactstore.storage_locations,
        artifactstore.retention_state, artifactstore.retention_holds, artifactstore.retention_policies,
        artifactstore.requests, artifactstore.log_epochs;
    IF p_snapshot IS NOT NULL THEN
        PERFORM artifactstore.copy_view_set(p_snapshot, 'artifactstore');
    END IF;
    PERFORM artifactstore.project_ranges('artifactstore', v_from + 1, head);
    -- A log without its views came without its home too; whoever replays it means it to live here.
    PERFORM artifactstore.settle_home()
    WHERE artifactstore.log_head() > 0 AND NOT EXISTS (SELECT FROM artifactstore.home);
    UPDATE artifactstore.software SET viewed_by = projectors WHERE viewed_by IS DISTINCT FROM projectors;
    PERFORM set_config('artifactstore.projecting', 'off', true);
    seconds := extract(EPOCH FROM clock_timestamp() - v_started);
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION artifactstore.replay(text, boolean) IS
'Truncates the live views and projects the whole log again, or from a snapshot what came after it. '
'Appends and readers wait; whoever reads with a snapshot from before sees empty views. '
'p_doubted: doubt_views was committed before, so that those with older snapshots are waited for, '
'and dumps with newer ones tell. Does not check digests: artifactstore replay and verify do';
