-- purpose: v1.system.restored
-- called by: project_events
-- writes: log_epochs
CREATE OR REPLACE FUNCTION artifactstore.project_system_restored(p_events artifactstore.decoded_event[])
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
            WHEN g.log_id IS NULL THEN 'not-found'
            WHEN e.subject_id IS DISTINCT FROM g.log_id THEN 'bad-subject'
            WHEN (e.payload -> 'epoch')::bigint <> g.epoch + 1
                OR (e.payload -> 'from_sequence')::bigint >= e.sequence THEN 'wrong-epoch'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN LATERAL (
            SELECT g.log_id, g.epoch FROM log_epochs g ORDER BY g.epoch DESC LIMIT 1) g ON true
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    INSERT INTO log_epochs (epoch, epoch_id, log_id, first_sequence, reason, created_sequence, last_sequence)
    SELECT (e.payload -> 'epoch')::bigint, (e.payload ->> 'epoch_id')::uuid, e.subject_id,
        e.sequence, e.payload ->> 'reason', e.sequence, e.sequence
    FROM unnest(p_events) e;
END
$$;

COMMENT ON FUNCTION artifactstore.project_system_restored(artifactstore.decoded_event[]) IS
'A new epoch of the log; refuses not-found, bad-subject, wrong-epoch';
