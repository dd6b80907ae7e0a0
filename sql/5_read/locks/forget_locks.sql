-- purpose: forget locks of objects that are gone
-- called by: role service (Store.locks.forget)
-- writes: store_locks
CREATE OR REPLACE FUNCTION artifactstore.forget_locks(p_backend text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET enable_seqscan = off -- by index, also where it is planned while the tables are small
AS $$
DECLARE
    v_forgotten bigint;
BEGIN
    PERFORM artifactstore.limit_waits();
    DELETE FROM artifactstore.store_locks h
    WHERE h.backend = p_backend AND (
        SELECT true FROM artifactstore.storage_locations l
        WHERE l.backend = h.backend AND l.uri = h.uri AND l.retired_at IS NULL
        LIMIT 1) IS NULL;
    GET DIAGNOSTICS v_forgotten = ROW_COUNT;
    RETURN v_forgotten;
END
$$;

COMMENT ON FUNCTION artifactstore.forget_locks(text) IS
'Forgets the locks of objects of p_backend that no unretired location names: they are gone; how many';
