-- purpose: a rebuild is done: the live views are its equal
-- called by: role operator (artifactstore replay)
-- writes: software
CREATE OR REPLACE FUNCTION artifactstore.end_rebuild()
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    PERFORM artifactstore.check_rebuild();
    UPDATE artifactstore.software SET viewed_by = projectors WHERE viewed_by IS DISTINCT FROM projectors;
    PERFORM artifactstore.drop_rebuild();
END
$$;

COMMENT ON FUNCTION artifactstore.end_rebuild() IS
'Notes that the installed projectors made the live views, and drops the rebuild';
