-- purpose: the scratch view sets, like the live one whatever a migration did to it
-- called by: migrate
-- writes: nothing (creates tables)
DO $$
DECLARE
    v_schema text;
BEGIN
    FOREACH v_schema IN ARRAY artifactstore.scratch_names() LOOP
        -- One that fits is left alone: dropping it would wait for whoever dumps the database.
        IF artifactstore.view_set_shape(v_schema)
            IS DISTINCT FROM artifactstore.view_set_shape('artifactstore')
        THEN
            PERFORM artifactstore.drop_views(v_schema);
            PERFORM artifactstore.create_view_set(v_schema);
            EXECUTE format('COMMENT ON SCHEMA %I IS %L', v_schema,
                'Tables of artifactstore to fold the history of a package in; always empty');
        END IF;
        PERFORM artifactstore.own_view_set(v_schema);
    END LOOP;
END
$$;
