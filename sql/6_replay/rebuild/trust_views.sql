-- purpose: take doubt_views back: the live views stay as they were
-- called by: role operator (artifactstore replay --truncate)
-- writes: software
CREATE OR REPLACE FUNCTION artifactstore.trust_views(p_viewed_by bytea)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    PERFORM artifactstore.lock_log();
    UPDATE artifactstore.software SET viewed_by = p_viewed_by WHERE viewed_by IS NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.trust_views(bytea) IS
'Notes again which projectors made the live views, unless a replay noted it meanwhile';
