-- purpose: say why not all files of v1.file.ingested, or not all of their locations, could be inserted
-- called by: project_file_ingested
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_ingested(p_events artifactstore.decoded_event[])
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
            WHEN p.package_id IS NULL THEN 'not-found'
            WHEN p.state <> 'open' THEN 'not-open'
            WHEN NOT artifactstore.is_path(e.payload ->> 'path') THEN 'bad-path'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = (e.payload ->> 'package_id')::uuid
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF NOT FOUND THEN
        -- In a range, what was taken may be so by another event of it: fold finds the first that is refused.
        v_sequence := p_events[1].sequence;
        v_code := coalesce(artifactstore.ingest_problem(p_events[1]), 'id-taken');
    END IF;
    PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code, jsonb_build_object('path',
        (SELECT e.payload -> 'path' FROM unnest(p_events) e WHERE e.sequence = v_sequence)));
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_ingested(artifactstore.decoded_event[]) IS
'Refuses the first of p_events with what its package, its path or, when it is alone, an ingest_problem says';
