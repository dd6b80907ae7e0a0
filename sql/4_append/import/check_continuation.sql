-- purpose: imported events belong exactly where this log ends
-- called by: import_events, under the lock
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_continuation(p_log_id uuid, p_before bytea, p_first bigint)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_head bigint := artifactstore.log_head();
    v_problem text;
BEGIN
    SELECT CASE
        WHEN p_first IS DISTINCT FROM v_head + 1
            THEN format('this log ends at %s, the import begins at %s', v_head, p_first)
        WHEN v_head > 0 AND p_log_id IS DISTINCT FROM (
            SELECT e.subject_id FROM artifactstore.events e WHERE e.sequence = 1)
            THEN 'it is of another log'
        WHEN p_before IS DISTINCT FROM artifactstore.event_identity(v_head)
            THEN format('event %s is another one here', v_head)
        END INTO v_problem;
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('no-continuation', jsonb_build_object(
            'problem', v_problem, 'head', v_head, 'from', p_first));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_continuation(uuid, bytea, bigint) IS
'Refuses no-continuation unless p_first is the next sequence, the log is p_log_id, '
'and its head has the identity p_before (null: the log is empty)';
