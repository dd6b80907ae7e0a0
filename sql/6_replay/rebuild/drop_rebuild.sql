-- purpose: leave nothing behind of a rebuild
-- called by: role operator (artifactstore replay), begin_rebuild, drop_leftover
-- writes: nothing (drops tables)
CREATE OR REPLACE FUNCTION artifactstore.drop_rebuild()
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    IF to_regnamespace('artifactstore_rebuild') IS NULL THEN
        RETURN;
    END IF;
    PERFORM artifactstore.rebuild_sequence();
    PERFORM artifactstore.lock_tables(
        'artifactstore_rebuild', '{progress, parts, different_packages, different_rows}');
    DROP TABLE IF EXISTS artifactstore_rebuild.progress, artifactstore_rebuild.parts,
        artifactstore_rebuild.different_packages, artifactstore_rebuild.different_rows;
    PERFORM artifactstore.drop_views('artifactstore_rebuild');
END
$$;

COMMENT ON FUNCTION artifactstore.drop_rebuild() IS
'Drops an unfinished rebuild; refuses busy while another session works on it or reads it';
