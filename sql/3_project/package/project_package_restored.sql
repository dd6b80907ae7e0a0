-- purpose: v1.package.restored
-- called by: project_events
-- writes: artifact_packages
CREATE OR REPLACE FUNCTION artifactstore.project_package_restored(p_events artifactstore.decoded_event[])
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
            WHEN p.state <> 'deleted' THEN 'wrong-state'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE artifact_packages p
    SET state = p.prior_state, prior_state = NULL, deleted_at = NULL, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE p.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_package_restored(artifactstore.decoded_event[]) IS
'Deleted packages back in their prior state; refuses not-found, wrong-state';
