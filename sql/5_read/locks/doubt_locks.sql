-- purpose: note, before locks are lowered, that nobody knows what the store has until that is done
-- called by: role service (Store.locks.doubt)
-- writes: store_locks
CREATE OR REPLACE FUNCTION artifactstore.doubt_locks(p_backend text, p_uris text[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_doubted bigint;
BEGIN
    PERFORM artifactstore.limit_waits();
    PERFORM FROM artifactstore.store_locks h
    WHERE h.backend = p_backend AND h.uri = ANY (p_uris) ORDER BY h.uri FOR UPDATE;
    UPDATE artifactstore.store_locks h SET applied_at = NULL
    WHERE h.backend = p_backend AND h.uri = ANY (p_uris);
    GET DIAGNOSTICS v_doubted = ROW_COUNT;
    RETURN v_doubted;
END
$$;

COMMENT ON FUNCTION artifactstore.doubt_locks(text, text[]) IS
'Notes of objects of p_backend that their locks are about to be changed: applied_at becomes null, and what '
'is there is looked at unless note_locks tells it; how many there were';
