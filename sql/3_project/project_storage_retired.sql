-- purpose: v1.storage.retired
-- called by: project_events
-- writes: storage_locations, artifact_files
CREATE OR REPLACE FUNCTION artifactstore.project_storage_retired(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
BEGIN
    PERFORM artifactstore.check_location(p_events);

    SELECT min(e.sequence) INTO v_sequence
    FROM unnest(p_events) e
    JOIN storage_locations l ON l.location_id = e.subject_id
    WHERE l.state IN ('registered', 'verified') AND (
        SELECT true FROM storage_locations o
        WHERE o.file_id = l.file_id AND o.retired_at IS NULL AND o.location_id <> l.location_id
            AND o.state IN ('registered', 'verified')
        LIMIT 1) IS NULL;
    IF v_sequence IS NOT NULL THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, 'last-good-copy');
    END IF;

    UPDATE storage_locations l
    SET state = 'retired', retired_at = e.created_at, retire_outcome = e.payload ->> 'outcome',
        last_sequence = e.sequence, changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE l.location_id = e.subject_id;

    PERFORM artifactstore.project_file_state(p_events);
END
$$;

COMMENT ON FUNCTION artifactstore.project_storage_retired(artifactstore.decoded_event[]) IS
'Locations retired, file state from what is left; refuses not-found, wrong-package, retired, last-good-copy';
