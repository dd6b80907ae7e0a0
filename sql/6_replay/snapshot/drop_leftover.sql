-- purpose: remove a scratch view set that a crash left, or a snapshot that nobody registered
-- called by: role operator (artifactstore doctor --fix), create_snapshot
-- writes: nothing (drops tables)
CREATE OR REPLACE FUNCTION artifactstore.drop_leftover(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    IF p_schema = 'artifactstore_rebuild' THEN
        PERFORM artifactstore.drop_rebuild();
        RETURN;
    END IF;
    IF p_schema !~ '^artifactstore_(verify|snapshot)_[0-9]+$'
        OR to_regnamespace(quote_ident(p_schema)) IS NULL
        OR EXISTS (SELECT FROM artifactstore.view_sets v WHERE v.schema_name = p_schema)
    THEN
        PERFORM artifactstore.refuse('no-such-view-set', jsonb_build_object(
            'problem', p_schema || ' is not left over'));
    END IF;
    IF EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = current_database() AND p_schema = 'artifactstore_verify_' || a.pid)
    THEN
        PERFORM artifactstore.refuse('busy', jsonb_build_object(
            'problem', 'the session of ' || p_schema || ' is at work'));
    END IF;
    PERFORM artifactstore.drop_views(p_schema);
END
$$;

COMMENT ON FUNCTION artifactstore.drop_leftover(text) IS
'Drops an unfinished rebuild, or a scratch view set or snapshot that is not registered in view_sets; '
'refuses busy while a session works on it';
