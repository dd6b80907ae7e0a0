-- purpose: take a view set away, but nothing that was not part of it
-- called by: drop_view_set, drop_rebuild, drop_leftover, scratch_sets
-- writes: nothing (drops tables)
CREATE OR REPLACE FUNCTION artifactstore.drop_views(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_view text;
BEGIN
    IF p_schema !~ '^pg_' AND to_regnamespace(quote_ident(p_schema)) IS NULL THEN
        RETURN;
    END IF;
    PERFORM artifactstore.own_view_set(p_schema, false, false);
    PERFORM artifactstore.lock_tables(p_schema, artifactstore.view_names());
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', p_schema, v_view);
    END LOOP;
    EXECUTE format('DROP SCHEMA %I', p_schema);
EXCEPTION WHEN dependent_objects_still_exist THEN
    PERFORM artifactstore.refuse('view-set-in-use', jsonb_build_object('problem',
        'something else is in the schema ' || p_schema || ' or was made of its tables'));
END
$$;

COMMENT ON FUNCTION artifactstore.drop_views(text) IS
'Drops the tables of a view set and its schema; refuses when others depend on them, '
'and busy while others read them';
