-- purpose: a rebuild is done: the live views are its equal
-- called by: role operator (artifactstore replay)
-- writes: software, the tables of the rebuild; home, if it is unset
CREATE OR REPLACE FUNCTION artifactstore.end_rebuild()
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    -- While a truncating replay has it, the views are in doubt (doubt_views).
    PERFORM artifactstore.lock_log();
    PERFORM artifactstore.check_rebuild();
    UPDATE artifactstore_rebuild.progress SET pid = NULL;
    -- A log without its views came without its home too; whoever replays it means it to live here.
    PERFORM artifactstore.settle_home()
    WHERE artifactstore.log_head() > 0 AND NOT EXISTS (SELECT FROM artifactstore.home);
    UPDATE artifactstore.software SET viewed_by = projectors WHERE viewed_by IS DISTINCT FROM projectors;
END
$$;

COMMENT ON FUNCTION artifactstore.end_rebuild() IS
'Notes that the installed projectors made the live views, and that nobody works on the rebuild; '
'drop_rebuild takes the rebuild away';
