-- purpose: whose is an id that was used before, for a refusal
-- called by: refusal_facts
-- writes: nothing
--
-- Rows of the event itself, which may be there when it is refused, are nobody else's.
CREATE OR REPLACE FUNCTION artifactstore.who_has_id(p_event artifactstore.decoded_event)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_facts jsonb;
BEGIN
    CASE split_part(p_event.event_type, '.', 2)
        WHEN 'package' THEN
            SELECT jsonb_build_object(
                'taken', 'package', 'package_id', p.package_id, 'purl', p.purl, 'state', p.state)
            INTO v_facts FROM artifact_packages p WHERE p.package_id = p_event.subject_id;
        WHEN 'file' THEN
            SELECT jsonb_build_object('taken', 'file', 'file_id', f.file_id, 'package_id', f.package_id,
                'file_path', f.path, 'state', f.state)
            INTO v_facts FROM artifact_files f
            WHERE f.file_id = p_event.subject_id AND f.created_sequence < p_event.sequence;
        ELSE
            NULL;
    END CASE;
    IF v_facts IS NULL THEN
        -- The location of a storage event, or the first of the copies that a file brings with it.
        SELECT jsonb_build_object('taken', 'location', 'location_id', l.location_id, 'file_id', l.file_id,
            'package_id', l.package_id, 'backend', l.backend, 'uri', l.uri, 'state', l.state)
        INTO v_facts
        FROM (
            SELECT p_event.subject_id AS id, 0 AS n
            UNION ALL
            SELECT (i.value ->> 'location_id')::uuid, i.n
            FROM jsonb_array_elements(p_event.payload -> 'locations') WITH ORDINALITY AS i (value, n)) c
        JOIN storage_locations l ON l.location_id = c.id AND l.created_sequence < p_event.sequence
        ORDER BY c.n LIMIT 1;
    END IF;
    RETURN coalesce(v_facts, '{}');
END
$$;

COMMENT ON FUNCTION artifactstore.who_has_id(artifactstore.decoded_event) IS
'The package, file or location that has an id which p_event would make; '
'{} when p_event itself gives it twice';
