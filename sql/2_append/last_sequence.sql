-- purpose: the version of a row: the latest event with it as subject
-- called by: check_moment, views_problem
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.last_sequence(p_subject_kind text, p_subject_id uuid)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_last bigint;
BEGIN
    CASE p_subject_kind
        WHEN 'package' THEN
            SELECT p.last_sequence INTO v_last FROM artifactstore.artifact_packages p WHERE p.package_id = p_subject_id;
        WHEN 'file' THEN
            SELECT f.last_sequence INTO v_last FROM artifactstore.artifact_files f WHERE f.file_id = p_subject_id;
        WHEN 'storage' THEN
            SELECT l.last_sequence INTO v_last FROM artifactstore.storage_locations l WHERE l.location_id = p_subject_id;
        WHEN 'retention' THEN
            SELECT r.last_sequence INTO v_last FROM artifactstore.retention_state r WHERE r.package_id = p_subject_id;
        WHEN 'system' THEN
            SELECT max(g.last_sequence) INTO v_last FROM artifactstore.log_epochs g WHERE g.log_id = p_subject_id;
    END CASE;
    RETURN coalesce(v_last, 0);
END
$$;

COMMENT ON FUNCTION artifactstore.last_sequence(text, uuid) IS
'last_sequence of the live row of a subject, 0 when there is none';
