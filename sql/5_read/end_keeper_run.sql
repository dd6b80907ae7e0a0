-- purpose: note that a pass of the keeper ended, and what it did
-- called by: role service (Store.keeper.end)
-- writes: keeper_runs
CREATE OR REPLACE FUNCTION artifactstore.end_keeper_run(
    p_run uuid, p_counts jsonb, p_problem text DEFAULT NULL
)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    UPDATE artifactstore.keeper_runs r
    SET ended_at = clock_timestamp(), counts = p_counts, problem = p_problem
    WHERE r.run_id = p_run AND r.ended_at IS NULL;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION artifactstore.end_keeper_run(uuid, jsonb, text) IS
'Notes what a run of the keeper did, and why it did not get to its end; false if there is no such run under '
'way';
