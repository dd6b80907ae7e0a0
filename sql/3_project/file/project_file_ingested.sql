-- purpose: v1.file.ingested
-- called by: project_events
-- writes: artifact_files, storage_locations
--
-- Inserts first, and asks what was wrong if not all was inserted: a question is a statement more for every
-- event.
CREATE OR REPLACE FUNCTION artifactstore.project_file_ingested(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_locations bigint;
    v_inserted bigint;
BEGIN
    INSERT INTO artifact_files (file_id, package_id, path, size, blake3, sha256, media_type, state,
        ingested_at, created_sequence, last_sequence, changed_sequence)
    SELECT e.subject_id, (e.payload ->> 'package_id')::uuid,
        e.payload ->> 'path', (e.payload -> 'size')::bigint,
        decode(e.payload ->> 'blake3', 'hex'), decode(e.payload ->> 'sha256', 'hex'),
        e.payload ->> 'media_type', 'ingested', e.created_at, e.sequence, e.sequence, e.sequence
    FROM unnest(p_events) e
    WHERE (
            SELECT p.state FROM artifact_packages p
            WHERE p.package_id = (e.payload ->> 'package_id')::uuid) = 'open'
        AND artifactstore.is_path(e.payload ->> 'path')
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted <> cardinality(p_events) THEN
        PERFORM artifactstore.refuse_ingested(p_events);
    END IF;

    IF cardinality(p_events) = 1 THEN
        v_locations := jsonb_array_length(p_events[1].payload -> 'locations');
    ELSE
        SELECT sum(jsonb_array_length(e.payload -> 'locations')) INTO v_locations FROM unnest(p_events) e;
    END IF;
    IF v_locations > 0 THEN
        INSERT INTO storage_locations (location_id, file_id, package_id, backend, uri, state, checks,
            failures, registered_at, created_sequence, last_sequence, changed_sequence)
        SELECT (l ->> 'location_id')::uuid, e.subject_id, (e.payload ->> 'package_id')::uuid,
            l ->> 'backend', l ->> 'uri', 'registered', 0, 0, e.created_at, e.sequence, e.sequence,
            e.sequence
        FROM unnest(p_events) e, LATERAL jsonb_array_elements(e.payload -> 'locations') l
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS v_inserted = ROW_COUNT;
        IF v_inserted <> v_locations THEN
            PERFORM artifactstore.refuse_ingested(p_events);
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.project_file_ingested(artifactstore.decoded_event[]) IS
'New files with their inline locations; refuses not-found, not-open, bad-path, id-taken, path-taken, '
'location-taken (in a range of events some of them as another of these, for fold)';
