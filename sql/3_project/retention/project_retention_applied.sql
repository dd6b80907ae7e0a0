-- purpose: v1.retention.applied
-- called by: project_events
-- writes: retention_state
CREATE OR REPLACE FUNCTION artifactstore.project_retention_applied(p_events artifactstore.decoded_event[])
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
            WHEN p.state = 'purged' THEN 'purged'
            WHEN r.mode <> 'none' AND r.retain_until > e.created_at THEN 'retention-active'
            WHEN artifactstore.from_micros((e.payload -> 'until')::bigint) <= e.created_at THEN 'not-future'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN retention_state r ON r.package_id = e.subject_id
        LEFT JOIN artifact_packages p ON p.package_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE retention_state r
    SET mode = e.payload ->> 'mode', retain_until = artifactstore.from_micros((e.payload -> 'until')::bigint),
        policy = e.payload ->> 'policy', extensions = 0,
        last_actor = e.actor, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE r.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_retention_applied(artifactstore.decoded_event[]) IS
'Retention set anew; refuses not-found, purged, retention-active, not-future';
