-- purpose: v1.storage.retiring
-- called by: project_events
-- writes: storage_locations, artifact_files
CREATE OR REPLACE FUNCTION artifactstore.project_storage_retiring(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
    v_code text;
    v_facts jsonb;
BEGIN
    PERFORM artifactstore.check_location(p_events);

    SELECT c.sequence, c.code, c.facts INTO v_sequence, v_code, v_facts
    FROM (
        SELECT e.sequence, jsonb_build_object('file_id', l.file_id, 'package_id', l.package_id) AS facts, CASE
            WHEN l.state = 'retiring' THEN 'no-change'
            WHEN l.state IN ('registered', 'verified') AND (
                SELECT true FROM storage_locations o
                WHERE o.file_id = l.file_id AND o.retired_at IS NULL AND o.location_id <> l.location_id
                    AND o.state IN ('registered', 'verified')
                LIMIT 1) IS NULL THEN 'last-good-copy'
            WHEN (SELECT true FROM storage_locations o
                WHERE o.file_id = l.file_id AND o.retired_at IS NULL AND o.location_id <> l.location_id
                    AND o.state <> 'retiring'
                LIMIT 1) THEN NULL
            -- The last copy that is not to go, though it failed: what it still is must not be given up.
            ELSE artifactstore.destruction_problem(l.package_id, e.created_at, e.payload)
            END AS code
        FROM unnest(p_events) e
        JOIN storage_locations l ON l.location_id = e.subject_id
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        IF v_code NOT IN ('last-good-copy', 'no-change') THEN
            v_facts := v_facts || '{"problem": "it is the last copy of a live file that is not to go"}';
        END IF;
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code, v_facts);
    END IF;

    UPDATE storage_locations l
    SET state = 'retiring', retiring_at = e.created_at, last_sequence = e.sequence,
        changed_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE l.location_id = e.subject_id;

    PERFORM artifactstore.project_file_state(p_events);
END
$$;

COMMENT ON FUNCTION artifactstore.project_storage_retiring(artifactstore.decoded_event[]) IS
'Locations retiring, file state from what is left; refuses not-found, wrong-package, retired, no-change, '
'last-good-copy, and for the last copy that is not to go legal-hold, retention-active';
