-- purpose: v1.storage.verified
-- called by: project_events
-- writes: storage_locations, artifact_files
CREATE OR REPLACE FUNCTION artifactstore.project_storage_verified(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.check_location(p_events);

    UPDATE storage_locations l
    SET state = CASE l.state WHEN 'retiring' THEN 'retiring' ELSE 'verified' END, failure = NULL,
        checks = l.checks + 1, last_checked_at = e.created_at, last_verified_at = e.created_at,
        last_sequence = e.sequence, changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE l.location_id = e.subject_id;

    -- Not by a copy that is to go, as all those of a file that is gone.
    UPDATE artifact_files f
    SET state = 'verified', last_verified_at = e.created_at, changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE f.file_id = (e.payload ->> 'file_id')::uuid
        AND (SELECT l.state FROM storage_locations l WHERE l.location_id = e.subject_id) = 'verified';
END
$$;

COMMENT ON FUNCTION artifactstore.project_storage_verified(artifactstore.decoded_event[]) IS
'Locations (unless retiring) and their files verified; refuses not-found, wrong-package, retired';
