-- purpose: note that a pass of the keeper begins, and forget those of long ago
-- called by: role service (Store.keeper.begin)
-- writes: keeper_runs
CREATE OR REPLACE FUNCTION artifactstore.begin_keeper_run(p_store text, p_job text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    c_kept CONSTANT integer := 100;
    v_run uuid := artifactstore.new_id();
BEGIN
    DELETE FROM artifactstore.keeper_runs r WHERE r.run_id IN (
        SELECT o.run_id FROM artifactstore.keeper_runs o
        WHERE o.store = p_store AND o.job = p_job
        ORDER BY o.began_at DESC, o.run_id DESC OFFSET c_kept - 1);
    BEGIN
        INSERT INTO artifactstore.keeper_runs (run_id, store, job, began_at)
        VALUES (v_run, p_store, p_job, clock_timestamp());
    EXCEPTION WHEN check_violation OR not_null_violation THEN
        PERFORM artifactstore.refuse('bad-payload', jsonb_build_object('problem', concat_ws(' ',
            'the keeper has no job', coalesce(p_job, 'null'), 'of', coalesce(p_store, 'null'))));
    END;
    RETURN v_run;
END
$$;

COMMENT ON FUNCTION artifactstore.begin_keeper_run(text, text) IS
'Notes that the keeper begins a job on a store; the id of the run. Keeps the latest hundred of both. '
'Refuses jobs that it has not (bad-payload)';
