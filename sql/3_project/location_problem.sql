-- purpose: why an inline location was turned away by a unique index
-- called by: project_file_ingested
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.location_problem(p_event artifactstore.decoded_event)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN count(DISTINCT l ->> 'location_id') < count(*) OR bool_or(EXISTS (
            SELECT FROM storage_locations s
            WHERE s.location_id = (l ->> 'location_id')::uuid AND s.created_sequence <> p_event.sequence))
        THEN 'id-taken' ELSE 'location-taken' END
    FROM jsonb_array_elements(p_event.payload -> 'locations') l
$$;

COMMENT ON FUNCTION artifactstore.location_problem(artifactstore.decoded_event) IS
'id-taken when an id is used twice or was used before, else location-taken';
