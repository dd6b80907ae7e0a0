-- purpose: v1.retention.extended
-- called by: project_events
-- writes: retention_state
CREATE OR REPLACE FUNCTION artifactstore.project_retention_extended(p_events artifactstore.decoded_event[])
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
            WHEN r.package_id IS NULL THEN 'not-found'
            WHEN r.retain_until IS DISTINCT FROM artifactstore.from_micros((e.payload -> 'from')::bigint)
                THEN 'retention-changed'
            WHEN (e.payload -> 'to')::bigint <= (e.payload -> 'from')::bigint THEN 'not-later'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN retention_state r ON r.package_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE retention_state r
    SET retain_until = artifactstore.from_micros((e.payload -> 'to')::bigint), extensions = r.extensions + 1,
        last_actor = e.actor, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE r.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_retention_extended(artifactstore.decoded_event[]) IS
'retain_until later; refuses not-found, retention-changed, not-later';
