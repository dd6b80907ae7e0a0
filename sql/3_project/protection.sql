-- purpose: what protects a package from destruction, as facts for a refusal
-- called by: project_storage_retired
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.protection(p_package_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('mode', r.mode, 'retain_until',
            (to_jsonb(r.retain_until AT TIME ZONE 'UTC') #>> '{}') || 'Z',
            'hold_count', r.hold_count, 'holds', ARRAY(
                SELECT jsonb_build_object('hold_id', h.hold_id, 'case', h.case_ref)
                FROM retention_holds h WHERE h.package_id = r.package_id AND h.released_at IS NULL
                ORDER BY h.created_sequence, h.hold_id LIMIT 10))
        FROM retention_state r WHERE r.package_id = p_package_id);
END
$$;

COMMENT ON FUNCTION artifactstore.protection(uuid) IS
'Mode, retain_until and the holds in force of a package (the first ten, and how many there are)';
