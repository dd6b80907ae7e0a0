-- purpose: note how objects are locked in a store
-- called by: role service (Store.locks.note)
-- writes: store_locks
--
-- Two keepers may set the same lock, each by what it read. Who finds that the row is not the one that he read
-- cannot say which of both came last to the store: then applied_at is null, and it is looked at again.
CREATE OR REPLACE FUNCTION artifactstore.note_locks(
    p_backend text, p_uris text[], p_modes text[], p_untils timestamptz[], p_holds boolean[],
    p_problems text[], p_seen timestamptz[]
)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    PERFORM artifactstore.limit_waits();
    PERFORM FROM artifactstore.store_locks h
    WHERE h.backend = p_backend AND h.uri = ANY (p_uris) ORDER BY h.uri FOR UPDATE;
    WITH given AS (
        SELECT g.* FROM unnest(p_uris, p_modes, p_untils, p_holds, p_problems, p_seen)
            AS g (uri, mode, until, hold, problem, seen)
    ), changed AS (
        UPDATE artifactstore.store_locks h
        SET mode = g.mode, until = g.until, hold = g.hold, problem = g.problem,
            applied_at = CASE WHEN h.applied_at IS NOT DISTINCT FROM g.seen THEN clock_timestamp() END
        FROM given g
        WHERE h.backend = p_backend AND h.uri = g.uri
        RETURNING h.uri
    )
    INSERT INTO artifactstore.store_locks AS h (backend, uri, mode, until, hold, applied_at, problem)
    SELECT p_backend, g.uri, g.mode, g.until, g.hold, clock_timestamp(), g.problem
    FROM given g
    WHERE g.uri NOT IN (SELECT c.uri FROM changed c)
    ORDER BY g.uri
    ON CONFLICT (backend, uri) DO UPDATE SET applied_at = NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.note_locks(
    text, text[], text[], timestamptz[], boolean[], text[], timestamptz[]
) IS
'Notes how objects of p_backend are locked there (arrays of equal length, each object once): mode and until '
'(null: no retention), hold, and why that is not what the log asks for (null: it is). p_seen: applied_at as '
'it was read before, null if there was none; applied_at becomes null if it is another by now';
