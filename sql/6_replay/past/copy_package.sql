-- purpose: of a package, the live rows that decide what may be done with it, into an empty view set
-- called by: allowed_commands
-- writes: the views of the view set p_schema
--
-- One live file stands for all: nothing asks for more of them than whether there is one.
CREATE OR REPLACE FUNCTION artifactstore.copy_package(p_schema text, p_package_id uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.artifact_packages'
        ' SELECT * FROM artifactstore.artifact_packages p WHERE p.package_id = $1', p_schema)
    USING p_package_id;
    EXECUTE format('INSERT INTO %I.retention_state'
        ' SELECT * FROM artifactstore.retention_state r WHERE r.package_id = $1', p_schema)
    USING p_package_id;
    EXECUTE format('INSERT INTO %I.retention_holds'
        ' SELECT * FROM artifactstore.retention_holds h WHERE h.package_id = $1 AND h.released_at IS NULL'
        ' ORDER BY h.created_sequence, h.hold_id LIMIT 10', p_schema)
    USING p_package_id;
    EXECUTE format('INSERT INTO %I.artifact_files'
        ' SELECT * FROM artifactstore.artifact_files f WHERE f.package_id = $1 AND f.removed_at IS NULL'
        ' ORDER BY f.path LIMIT 1', p_schema)
    USING p_package_id;
END
$$;

COMMENT ON FUNCTION artifactstore.copy_package(text, uuid) IS
'Copies the live rows of a package, its retention, its oldest ten holds in force and its first live file '
'into the view set p_schema';
