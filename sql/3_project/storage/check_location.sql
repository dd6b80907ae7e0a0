-- purpose: what every event about an existing location must fulfil
-- called by: project_storage_verified, project_storage_failed, project_storage_retiring,
--     project_storage_retired
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_location(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_sequence bigint;
    v_code text;
BEGIN
    SELECT c.sequence, c.code INTO v_sequence, v_code
    FROM (
        SELECT e.sequence, CASE
            WHEN l.location_id IS NULL THEN 'not-found'
            WHEN l.package_id <> (e.payload ->> 'package_id')::uuid
                OR l.file_id <> (e.payload ->> 'file_id')::uuid THEN 'wrong-package'
            WHEN l.state = 'retired' THEN 'retired'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN storage_locations l ON l.location_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_location(artifactstore.decoded_event[]) IS
'Refuses not-found, wrong-package, retired';
