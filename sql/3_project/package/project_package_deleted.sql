-- purpose: v1.package.deleted
-- called by: project_events
-- writes: artifact_packages
CREATE OR REPLACE FUNCTION artifactstore.project_package_deleted(p_events artifactstore.decoded_event[])
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
            WHEN p.state NOT IN ('open', 'sealed') THEN 'wrong-state'
            ELSE artifactstore.destruction_problem(p.package_id, e.created_at, e.payload)
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE artifact_packages p
    SET state = 'deleted', prior_state = p.state, deleted_at = e.created_at, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE p.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_package_deleted(artifactstore.decoded_event[]) IS
'Packages deleted; refuses not-found, wrong-state, legal-hold, retention-active';
