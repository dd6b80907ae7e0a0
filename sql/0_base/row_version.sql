-- purpose: the version of a row: the latest event that changed anything in it
-- called by: check_moment, views_problem
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.row_version(
    p_event_type text, p_subject_kind text, p_subject_id uuid, p_expected bigint
)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_version bigint;
    v_open boolean;
    v_with_files bigint;
BEGIN
    CASE p_subject_kind
        WHEN 'package' THEN
            SELECT p.last_sequence, p.state = 'open' INTO v_version, v_open
            FROM artifactstore.artifact_packages p WHERE p.package_id = p_subject_id;
            -- Sealing is about the files, so its version is that of package and files together; to others the
            -- files do not matter, and they may expect either.
            IF v_open AND (p_event_type = 'v1.package.sealed' OR p_expected > v_version) THEN
                v_with_files := artifactstore.open_version(p_subject_id);
                IF p_event_type = 'v1.package.sealed' OR p_expected = v_with_files THEN
                    v_version := v_with_files;
                END IF;
            END IF;
        WHEN 'file' THEN
            SELECT f.changed_sequence INTO v_version
            FROM artifactstore.artifact_files f WHERE f.file_id = p_subject_id;
        WHEN 'storage' THEN
            SELECT l.changed_sequence INTO v_version
            FROM artifactstore.storage_locations l WHERE l.location_id = p_subject_id;
        WHEN 'retention' THEN
            SELECT r.last_sequence INTO v_version
            FROM artifactstore.retention_state r WHERE r.package_id = p_subject_id;
        WHEN 'system' THEN
            IF p_event_type = 'v1.system.policies_set' THEN
                SELECT max(r.last_sequence) INTO v_version FROM artifactstore.retention_policies r;
            ELSE
                SELECT max(g.last_sequence) INTO v_version
                FROM artifactstore.log_epochs g WHERE g.log_id = p_subject_id;
            END IF;
    END CASE;
    RETURN coalesce(v_version, 0);
END
$$;

COMMENT ON FUNCTION artifactstore.row_version(text, text, uuid, bigint) IS
'Version of the live row of a subject, 0 when there is none: changed_sequence of a file or location, '
'else last_sequence; of the policies that of their event, 0 when there are none; of an open package that of '
'open_version for sealing, and for other events either (p_expected chooses)';
