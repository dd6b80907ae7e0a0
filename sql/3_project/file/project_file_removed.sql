-- purpose: v1.file.removed
-- called by: project_events
-- writes: artifact_files, storage_locations
CREATE OR REPLACE FUNCTION artifactstore.project_file_removed(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
    v_code text;
    v_updated bigint;
BEGIN
    SELECT c.sequence, c.code INTO v_sequence, v_code
    FROM (
        SELECT e.sequence, CASE
            WHEN p.package_id IS NULL OR f.file_id IS NULL THEN 'not-found'
            WHEN f.package_id <> p.package_id THEN 'wrong-package'
            WHEN p.state <> 'open' THEN 'not-open'
            WHEN f.removed_at IS NOT NULL THEN 'gone'
            ELSE artifactstore.destruction_problem(p.package_id, e.created_at, e.payload)
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = (e.payload ->> 'package_id')::uuid
        LEFT JOIN artifact_files f ON f.file_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE artifact_files f
    SET state = 'removed', removed_at = e.created_at, last_sequence = e.sequence,
        changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE f.file_id = e.subject_id;
    GET DIAGNOSTICS v_updated = ROW_COUNT;
    IF v_updated <> cardinality(p_events) THEN
        PERFORM artifactstore.refuse_event(p_events, p_events[1].sequence, 'gone');
    END IF;

    -- An array, not a join: planned while the tables were empty, a join visits every location for each event.
    UPDATE storage_locations l
    SET state = 'retiring',
        retiring_at = coalesce(l.retiring_at,
            (SELECT f.removed_at FROM artifact_files f WHERE f.file_id = l.file_id)),
        changed_sequence = (SELECT f.changed_sequence FROM artifact_files f WHERE f.file_id = l.file_id)
    WHERE l.file_id = ANY (ARRAY(SELECT e.subject_id FROM unnest(p_events) e)) AND l.retired_at IS NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.project_file_removed(artifactstore.decoded_event[]) IS
'Files removed, paths free again, locations retiring; '
'refuses not-found, wrong-package, not-open, gone, legal-hold, retention-active';
