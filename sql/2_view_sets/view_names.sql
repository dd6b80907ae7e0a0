-- purpose: which tables a view set consists of, the one place that lists them
-- called by: every function on view sets, views_triggers, grants
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.view_names()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY['artifact_packages', 'artifact_files', 'storage_locations', 'retention_state',
        'retention_holds', 'retention_policies', 'requests', 'log_epochs']
$$;

COMMENT ON FUNCTION artifactstore.view_names() IS 'Tables of a view set';
