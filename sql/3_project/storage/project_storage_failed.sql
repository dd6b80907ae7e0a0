-- purpose: v1.storage.failed
-- called by: project_events
-- writes: storage_locations, artifact_files
CREATE OR REPLACE FUNCTION artifactstore.project_storage_failed(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.check_location(p_events);

    UPDATE storage_locations l
    SET state = CASE l.state WHEN 'retiring' THEN 'retiring' ELSE 'failed' END,
        failure = e.payload ->> 'failure', checks = l.checks + 1, failures = l.failures + 1,
        last_checked_at = e.created_at, last_sequence = e.sequence, changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE l.location_id = e.subject_id;

    PERFORM artifactstore.project_file_state(p_events);
END
$$;

COMMENT ON FUNCTION artifactstore.project_storage_failed(artifactstore.decoded_event[]) IS
'Locations failed (unless retiring), file state from what is left; refuses not-found, wrong-package, retired';
