-- purpose: an empty view set
-- called by: rebuild
-- writes: nothing (creates tables)
CREATE OR REPLACE FUNCTION artifactstore.create_view_set(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_view text;
    v_options text;
BEGIN
    EXECUTE format('CREATE SCHEMA %I', p_schema);
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        SELECT ' WITH (' || array_to_string(c.reloptions, ', ') || ')' INTO v_options
        FROM pg_catalog.pg_class c WHERE c.oid = format('artifactstore.%I', v_view)::regclass;
        EXECUTE format('CREATE UNLOGGED TABLE %I.%I (LIKE artifactstore.%I INCLUDING ALL)%s',
            p_schema, v_view, v_view, coalesce(v_options, ''));
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.create_view_set(text) IS
'Creates schema p_schema with an empty, unlogged copy of every view, indexes and comments included';
