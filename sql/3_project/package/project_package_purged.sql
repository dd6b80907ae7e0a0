-- purpose: v1.package.purged
-- called by: project_events
-- writes: artifact_packages, artifact_files, storage_locations
CREATE OR REPLACE FUNCTION artifactstore.project_package_purged(p_events artifactstore.decoded_event[])
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
            WHEN (e.payload -> 'file_count')::bigint <> (
                SELECT count(*) FROM artifact_files f
                WHERE f.package_id = e.subject_id AND f.removed_at IS NULL) THEN 'manifest-changed'
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
    SET state = 'purged', prior_state = NULL, purged_at = e.created_at, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE p.package_id = e.subject_id;

    UPDATE artifact_files f
    SET state = 'purged',
        changed_sequence = (SELECT p.last_sequence FROM artifact_packages p WHERE p.package_id = f.package_id)
    WHERE f.package_id = ANY (ARRAY(SELECT e.subject_id FROM unnest(p_events) e)) AND f.removed_at IS NULL;

    -- Arrays, not joins: planned while the tables were empty, a join compares every location with every file.
    UPDATE storage_locations l
    SET state = 'retiring',
        retiring_at = coalesce(l.retiring_at,
            (SELECT p.purged_at FROM artifact_packages p WHERE p.package_id = l.package_id)),
        changed_sequence = (SELECT p.last_sequence FROM artifact_packages p WHERE p.package_id = l.package_id)
    WHERE l.retired_at IS NULL AND l.file_id = ANY (ARRAY(
        SELECT f.file_id FROM artifact_files f
        WHERE f.removed_at IS NULL
            AND f.package_id = ANY (ARRAY(SELECT e.subject_id FROM unnest(p_events) e))));
END
$$;

COMMENT ON FUNCTION artifactstore.project_package_purged(artifactstore.decoded_event[]) IS
'Packages and files purged, live locations retiring; '
'refuses not-found, wrong-state, manifest-changed, legal-hold, retention-active';
