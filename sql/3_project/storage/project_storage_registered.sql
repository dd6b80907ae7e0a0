-- purpose: v1.storage.registered
-- called by: project_events
-- writes: storage_locations, artifact_files
CREATE OR REPLACE FUNCTION artifactstore.project_storage_registered(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
    v_code text;
    v_inserted bigint;
BEGIN
    SELECT c.sequence, c.code INTO v_sequence, v_code
    FROM (
        SELECT e.sequence, CASE
            WHEN f.file_id IS NULL THEN 'not-found'
            WHEN f.package_id <> (e.payload ->> 'package_id')::uuid THEN 'wrong-package'
            WHEN artifactstore.is_gone(f.state) THEN 'gone'
            WHEN f.size <> (e.payload -> 'size')::bigint OR f.blake3 <> decode(e.payload ->> 'blake3', 'hex')
                THEN 'digest-mismatch'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_files f ON f.file_id = (e.payload ->> 'file_id')::uuid
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    INSERT INTO storage_locations (location_id, file_id, package_id, backend, uri, state, checks, failures,
        registered_at, created_sequence, last_sequence, changed_sequence)
    SELECT e.subject_id, (e.payload ->> 'file_id')::uuid, (e.payload ->> 'package_id')::uuid,
        e.payload ->> 'backend', e.payload ->> 'uri', 'registered', 0, 0,
        e.created_at, e.sequence, e.sequence, e.sequence
    FROM unnest(p_events) e
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted <> cardinality(p_events) THEN
        PERFORM artifactstore.refuse_event(p_events, p_events[1].sequence, CASE
            WHEN EXISTS (SELECT FROM storage_locations l WHERE l.location_id = p_events[1].subject_id)
            THEN 'id-taken' ELSE 'location-taken' END);
    END IF;

    UPDATE artifact_files f
    SET state = 'ingested', changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE f.file_id = (e.payload ->> 'file_id')::uuid AND f.state = 'corrupted';
END
$$;

COMMENT ON FUNCTION artifactstore.project_storage_registered(artifactstore.decoded_event[]) IS
'New locations; refuses not-found, wrong-package, gone, digest-mismatch, id-taken, location-taken';
