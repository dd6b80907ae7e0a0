-- purpose: v1.system.initialized
-- called by: project_events
-- writes: log_epochs
CREATE OR REPLACE FUNCTION artifactstore.project_system_initialized(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
    v_code text;
BEGIN
    SELECT c.sequence, c.code INTO v_sequence, v_code
    FROM (
        SELECT e.sequence, CASE
            WHEN e.sequence <> 1 THEN 'already-initialized'
            WHEN e.subject_id IS DISTINCT FROM (e.payload ->> 'log_id')::uuid THEN 'bad-subject'
            END AS code
        FROM unnest(p_events) e
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    INSERT INTO log_epochs (epoch, epoch_id, log_id, first_sequence, created_sequence, last_sequence)
    SELECT (e.payload -> 'epoch')::bigint, (e.payload ->> 'epoch_id')::uuid, e.subject_id,
        e.sequence, e.sequence, e.sequence
    FROM unnest(p_events) e;
END
$$;

COMMENT ON FUNCTION artifactstore.project_system_initialized(artifactstore.decoded_event[]) IS
'First epoch of the log; refuses already-initialized, bad-subject';
