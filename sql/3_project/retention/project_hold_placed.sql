-- purpose: v1.retention.hold_placed
-- called by: project_events
-- writes: retention_holds, retention_state
CREATE OR REPLACE FUNCTION artifactstore.project_hold_placed(p_events artifactstore.decoded_event[])
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
            WHEN p.package_id IS NULL THEN 'not-found'
            WHEN p.state = 'purged' THEN 'purged'
            WHEN h.hold_id IS NOT NULL THEN 'hold-exists'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = e.subject_id
        LEFT JOIN retention_holds h
            ON h.package_id = e.subject_id AND h.hold_id = (e.payload ->> 'hold_id')::uuid
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    INSERT INTO retention_holds (package_id, hold_id, case_ref, reason, placed_by, placed_at,
        created_sequence, last_sequence)
    SELECT e.subject_id, (e.payload ->> 'hold_id')::uuid, e.payload ->> 'case', e.payload ->> 'reason',
        e.actor, e.created_at, e.sequence, e.sequence
    FROM unnest(p_events) e;

    UPDATE retention_state r
    SET hold_count = r.hold_count + 1, last_actor = e.actor, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE r.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_hold_placed(artifactstore.decoded_event[]) IS
'Legal holds placed; refuses not-found, purged, hold-exists';
