-- purpose: the rows of the locations that ingested files come with
-- called by: project_file_ingested
-- writes: nothing
--
-- One query, which PostgreSQL puts into the statement that inserts.
CREATE OR REPLACE FUNCTION artifactstore.ingested_locations(p_events artifactstore.decoded_event[])
RETURNS SETOF artifactstore.storage_locations
LANGUAGE sql STABLE
AS $$
    SELECT (l ->> 'location_id')::uuid, e.subject_id, (e.payload ->> 'package_id')::uuid,
        l ->> 'backend', l ->> 'uri', 'registered', NULL::text, 0, 0, e.created_at,
        NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::text,
        e.sequence, e.sequence, e.sequence
    FROM unnest(p_events) e, LATERAL jsonb_array_elements(e.payload -> 'locations') l
$$;

COMMENT ON FUNCTION artifactstore.ingested_locations(artifactstore.decoded_event[]) IS
'A row for each inline location of v1.file.ingested';
