-- purpose: the destruction guard: holds, then retention
-- called by: project_file_removed, project_package_deleted, project_package_purged, project_storage_retiring,
--     project_storage_retired
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.destruction_problem(
    p_package_id uuid, p_created_at timestamptz, p_payload jsonb
)
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_problem text;
BEGIN
    SELECT CASE
        WHEN r.hold_count > 0 THEN 'legal-hold'
        WHEN r.mode = 'none' OR p_created_at >= r.retain_until THEN NULL
        WHEN r.mode = 'governance' AND p_payload -> 'bypass_governance' = 'true' THEN NULL
        ELSE 'retention-active' END
    INTO v_problem
    FROM retention_state r WHERE r.package_id = p_package_id;
    IF NOT FOUND THEN
        -- Every package has a row from its creation on. Without it nobody knows what protects the package.
        RETURN 'views-damaged';
    END IF;
    RETURN v_problem;
END
$$;

COMMENT ON FUNCTION artifactstore.destruction_problem(uuid, timestamptz, jsonb) IS
'legal-hold, retention-active, views-damaged (the package has no row), '
'or null when a destructive event at p_created_at is allowed';
