-- purpose: door checks: what depends on the moment or on taste, and may be tightened later
-- called by: append
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_door(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_position bigint;
    v_code text;
    v_problem text;
BEGIN
    SELECT d.position, d.problem[1], d.problem[2] INTO v_position, v_code, v_problem
    FROM (
        SELECT e.position, CASE e.event_type
            WHEN 'v1.file.ingested' THEN
                CASE WHEN e.payload ->> 'path' IS NOT NFC NORMALIZED
                    THEN ARRAY['bad-path', 'the path is not in Unicode normalization form C'] END
            WHEN 'v1.package.created' THEN artifactstore.purl_problem(e.payload ->> 'purl')
            END AS problem
        FROM unnest(p_events) WITH ORDINALITY
            AS e (sequence, created_at, event_type, subject_id, actor, payload, position)
    ) d
    WHERE d.problem IS NOT NULL
    ORDER BY d.position
    LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse(v_code, jsonb_build_object('position', v_position, 'problem', v_problem));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_door(artifactstore.decoded_event[]) IS
'Refuses events that the log would understand but should not take: paths not in NFC, purls not in canonical form';
