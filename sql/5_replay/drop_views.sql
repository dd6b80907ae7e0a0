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
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', p_schema, v_view);
    END LOOP;
    EXECUTE format('DROP SCHEMA IF EXISTS %I', p_schema);
EXCEPTION WHEN dependent_objects_still_exist THEN
    PERFORM artifactstore.refuse('view-set-in-use', jsonb_build_object('problem',
        'something else is in the schema ' || p_schema || ' or was made of its tables'));
END
$$;

COMMENT ON FUNCTION artifactstore.drop_views(text) IS
'Drops the tables of a view set and its schema; refuses when others depend on them';
