-- purpose: v1.file.ingested
-- called by: project_events
-- writes: artifact_files, storage_locations
CREATE OR REPLACE FUNCTION artifactstore.project_file_ingested(p_events artifactstore.decoded_event[])
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
            WHEN p.state <> 'open' THEN 'not-open'
            WHEN e.payload ->> 'path' ~ E'^/|/$|//|(^|/)[.][.]?(/|$)|[\x01-\x1f\x7f]' THEN 'bad-path'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = (e.payload ->> 'package_id')::uuid
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    -- In a range the unique indexes find what was taken, and fold what to call it: looking first, or ON
    -- CONFLICT, would take half as long again.
    IF NOT FOUND AND cardinality(p_events) = 1 THEN
        v_sequence := p_events[1].sequence;
        v_code := artifactstore.ingest_problem(p_events[1]);
    END IF;
    IF v_code IS NOT NULL THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code, jsonb_build_object('path',
            (SELECT e.payload -> 'path' FROM unnest(p_events) e WHERE e.sequence = v_sequence)));
    END IF;

    INSERT INTO artifact_files (file_id, package_id, path, size, blake3, sha256, media_type, state,
        ingested_at, created_sequence, last_sequence, changed_sequence)
    SELECT e.subject_id, (e.payload ->> 'package_id')::uuid,
        e.payload ->> 'path', (e.payload -> 'size')::bigint,
        decode(e.payload ->> 'blake3', 'hex'), decode(e.payload ->> 'sha256', 'hex'),
        e.payload ->> 'media_type', 'ingested', e.created_at, e.sequence, e.sequence, e.sequence
    FROM unnest(p_events) e;

    INSERT INTO storage_locations (location_id, file_id, package_id, backend, uri, state, checks, failures,
        registered_at, created_sequence, last_sequence, changed_sequence)
    SELECT (l ->> 'location_id')::uuid, e.subject_id, (e.payload ->> 'package_id')::uuid,
        l ->> 'backend', l ->> 'uri', 'registered', 0, 0, e.created_at, e.sequence, e.sequence,
        e.sequence
    FROM unnest(p_events) e, LATERAL jsonb_array_elements(e.payload -> 'locations') l;
END
$$;

COMMENT ON FUNCTION artifactstore.project_file_ingested(artifactstore.decoded_event[]) IS
'New files with their inline locations; refuses not-found, not-open, bad-path, id-taken, path-taken, '
'location-taken (in a range of events some of them as unique_violation, for fold)';
