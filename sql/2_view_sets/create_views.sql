-- purpose: the empty tables of a view set, without indexes: rows that are there already are indexed faster
-- called by: create_view_set, begin_rebuild, as_of, verify_part
-- writes: nothing (creates tables)
CREATE OR REPLACE FUNCTION artifactstore.create_views(p_schema text, p_logged boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_view text;
    v_options text;
BEGIN
    PERFORM artifactstore.create_schema(p_schema);
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        SELECT ' WITH (' || array_to_string(c.reloptions, ', ') || ')' INTO v_options
        FROM pg_catalog.pg_class c WHERE c.oid = format('artifactstore.%I', v_view)::regclass;
        EXECUTE format('CREATE %s TABLE %I.%I (LIKE artifactstore.%I INCLUDING ALL EXCLUDING INDEXES)%s',
            CASE WHEN p_logged THEN '' ELSE 'UNLOGGED' END,
            p_schema, v_view, v_view, coalesce(v_options, ''));
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.create_views(text, boolean) IS
'Creates schema p_schema with an empty copy of every view, without its indexes (index_views makes them); '
'unlogged, so empty after a crash of the server, unless p_logged';
