-- purpose: what an ingested file would share that must not be shared
-- called by: refuse_ingested
-- writes: nothing
--
-- Asked when some rows of the event are inserted already: those are not in its way.
CREATE OR REPLACE FUNCTION artifactstore.ingest_problem(p_event artifactstore.decoded_event)
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_problem text;
BEGIN
    v_problem := CASE
        WHEN (SELECT true FROM artifact_files f WHERE f.file_id = p_event.subject_id
                AND f.created_sequence < p_event.sequence) THEN 'id-taken'
        WHEN (SELECT true FROM artifact_files f
            WHERE f.package_id = (p_event.payload ->> 'package_id')::uuid
                AND f.path = p_event.payload ->> 'path' AND f.removed_at IS NULL
                AND f.created_sequence < p_event.sequence) THEN 'path-taken' END;
    IF v_problem IS NULL AND p_event.payload ? 'locations' THEN
        SELECT CASE
            WHEN count(DISTINCT l ->> 'location_id') < count(*) OR bool_or(
                (SELECT true FROM storage_locations s WHERE s.location_id = (l ->> 'location_id')::uuid
                    AND s.created_sequence < p_event.sequence)) THEN 'id-taken'
            WHEN count(DISTINCT (l ->> 'backend', l ->> 'uri')) < count(*) THEN 'location-taken' END
        INTO v_problem
        FROM jsonb_array_elements(p_event.payload -> 'locations') l;
    END IF;
    RETURN v_problem;
END
$$;

COMMENT ON FUNCTION artifactstore.ingest_problem(artifactstore.decoded_event) IS
'id-taken, path-taken or location-taken, or null when id, path and inline locations are free';
