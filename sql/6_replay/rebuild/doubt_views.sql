-- purpose: before the live views are emptied, say so in a transaction of its own: a dump of then has it too
-- called by: role operator (artifactstore replay --truncate)
-- writes: software
CREATE OR REPLACE FUNCTION artifactstore.doubt_views()
RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_viewed_by bytea;
BEGIN
    PERFORM artifactstore.limit_waits();
    SELECT s.viewed_by INTO v_viewed_by FROM artifactstore.software s FOR UPDATE;
    UPDATE artifactstore.software SET viewed_by = NULL;
    RETURN v_viewed_by;
END
$$;

COMMENT ON FUNCTION artifactstore.doubt_views() IS
'Notes that the live views are about to be replaced: whatever is restored from now on is replayed by '
'migrate. Returns what trust_views needs if that does not happen';
