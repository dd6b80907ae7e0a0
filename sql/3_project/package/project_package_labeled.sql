-- purpose: v1.package.labeled
-- called by: project_events
-- writes: artifact_packages
CREATE OR REPLACE FUNCTION artifactstore.project_package_labeled(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_max_labels CONSTANT integer := 256;
    v_sequence bigint;
    v_code text;
BEGIN
    SELECT c.sequence, c.code INTO v_sequence, v_code
    FROM (
        SELECT e.sequence, CASE
            WHEN p.package_id IS NULL THEN 'not-found'
            WHEN p.state = 'purged' THEN 'purged'
            WHEN n.labels = p.labels THEN 'nothing-to-do'
            WHEN (SELECT count(*) FROM jsonb_object_keys(n.labels)) > c_max_labels THEN 'too-large'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = e.subject_id,
            LATERAL artifactstore.merge_labels(p.labels, e.payload) AS n (labels)
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE artifact_packages p
    SET labels = artifactstore.merge_labels(p.labels, e.payload), last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE p.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_package_labeled(artifactstore.decoded_event[]) IS
'Labels merged; refuses not-found, purged, nothing-to-do, too-large (256 labels)';
