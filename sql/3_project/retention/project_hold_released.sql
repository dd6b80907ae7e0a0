-- purpose: v1.retention.hold_released
-- called by: project_events
-- writes: retention_holds, retention_state
CREATE OR REPLACE FUNCTION artifactstore.project_hold_released(p_events artifactstore.decoded_event[])
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
            WHEN h.hold_id IS NULL OR h.released_at IS NOT NULL THEN 'no-such-hold'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN retention_state r ON r.package_id = e.subject_id
        LEFT JOIN retention_holds h
            ON h.package_id = e.subject_id AND h.hold_id = (e.payload ->> 'hold_id')::uuid
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE retention_holds h
    SET released_by = e.actor, released_at = e.created_at, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE h.package_id = e.subject_id AND h.hold_id = (e.payload ->> 'hold_id')::uuid;

    UPDATE retention_state r
    SET hold_count = r.hold_count - 1, last_actor = e.actor, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE r.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_hold_released(artifactstore.decoded_event[]) IS
'Legal holds released, the rows stay; refuses not-found, no-such-hold';
