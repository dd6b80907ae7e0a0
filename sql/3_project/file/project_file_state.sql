-- purpose: the state of files from their locations
-- called by: project_storage_failed, project_storage_retiring, project_storage_retired
-- writes: artifact_files
CREATE OR REPLACE FUNCTION artifactstore.project_file_state(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE artifact_files f
    SET state = s.state, changed_sequence = e.sequence
    FROM unnest(p_events) e,
        LATERAL (
            SELECT CASE
                WHEN bool_or(l.state = 'verified') THEN 'verified'
                WHEN bool_or(l.state = 'registered') THEN 'ingested'
                -- The event is about a location, so copies were known: all failed, or all retired.
                ELSE 'corrupted' END AS state
            FROM storage_locations l
            WHERE l.file_id = (e.payload ->> 'file_id')::uuid AND l.retired_at IS NULL) s
    WHERE f.file_id = (e.payload ->> 'file_id')::uuid
        AND NOT artifactstore.is_gone(f.state) AND f.state <> s.state;
END
$$;

COMMENT ON FUNCTION artifactstore.project_file_state(artifactstore.decoded_event[]) IS
'Live files of storage events: any verified location → verified; any registered → ingested; '
'else, also when all are retired, corrupted';
