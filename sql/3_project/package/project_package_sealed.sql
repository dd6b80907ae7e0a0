-- purpose: v1.package.sealed
-- called by: project_events
-- writes: artifact_packages
CREATE OR REPLACE FUNCTION artifactstore.project_package_sealed(p_events artifactstore.decoded_event[])
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
            WHEN f.files = 0 THEN 'empty'
            WHEN (f.files, f.bytes, greatest(f.last, r.last)) IS DISTINCT FROM (
                (e.payload -> 'file_count')::bigint, (e.payload -> 'total_bytes')::numeric,
                (e.payload -> 'as_of')::bigint) THEN 'manifest-changed'
            END AS code
        FROM unnest(p_events) e
        LEFT JOIN artifact_packages p ON p.package_id = e.subject_id,
            LATERAL (
                SELECT count(*) AS files, sum(f.size) AS bytes, max(f.last_sequence) AS last
                FROM artifact_files f WHERE f.package_id = e.subject_id AND f.removed_at IS NULL) f,
            LATERAL (
                SELECT max(f.last_sequence) AS last
                FROM artifact_files f WHERE f.package_id = e.subject_id AND f.removed_at IS NOT NULL) r
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    UPDATE artifact_packages p
    SET state = 'sealed', manifest_digest = decode(e.payload ->> 'manifest_digest', 'hex'),
        file_count = (e.payload -> 'file_count')::integer, total_bytes = (e.payload -> 'total_bytes')::bigint,
        sealed_at = e.created_at, last_sequence = e.sequence
    FROM unnest(p_events) e
    WHERE p.package_id = e.subject_id;
END
$$;

COMMENT ON FUNCTION artifactstore.project_package_sealed(artifactstore.decoded_event[]) IS
'Packages sealed with their manifest; refuses not-found, not-open, empty, manifest-changed';
