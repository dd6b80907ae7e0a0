-- purpose: everything that happened to a package, its files, their copies and its retention
-- called by: role reader, in psql, and Store.package_history
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.package_history(
    p_package text, p_newest_first boolean DEFAULT false, p_limit bigint DEFAULT NULL
)
RETURNS TABLE (
    sequence bigint, created_at timestamptz, actor text, action text, path text, uri text, reason text,
    subject_id uuid, payload jsonb
)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_package_id pg_catalog.uuid;
    v_sequences bigint[];
BEGIN
    SELECT p.package_id INTO v_package_id FROM artifactstore.artifact_packages p WHERE p.purl = p_package;
    IF NOT FOUND AND p_package ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        SELECT p.package_id INTO v_package_id
        FROM artifactstore.artifact_packages p WHERE p.package_id = p_package::uuid;
    END IF;
    IF v_package_id IS NULL THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object(
            'package', p_package, 'problem', format('package %s', p_package)));
    END IF;
    -- Chosen first: only what is shown is decoded.
    v_sequences := ARRAY(
        SELECT e.sequence
        FROM artifactstore.all_subjects s
        JOIN artifactstore.events e ON e.subject_kind = s.subject_kind AND e.subject_id = s.subject_id
        WHERE s.package_id = v_package_id
        ORDER BY CASE WHEN p_newest_first THEN -e.sequence ELSE e.sequence END
        LIMIT p_limit);
    RETURN QUERY
    SELECT a.sequence, a.created_at, a.actor, a.action, a.path, a.uri, a.reason, a.subject_id, a.payload
    FROM artifactstore.audit_events a
    WHERE a.sequence = ANY (v_sequences)
    ORDER BY CASE WHEN p_newest_first THEN -a.sequence ELSE a.sequence END;
END
$$;

COMMENT ON FUNCTION artifactstore.package_history(text, boolean, bigint) IS
'Every event of a package, its files, their copies and its retention, '
'payloads decoded: the oldest first or the newest, at most p_limit. p_package: its purl or its id';
