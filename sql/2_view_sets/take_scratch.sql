-- purpose: an empty view set to work in for a moment
-- called by: package_at, package_past, allowed_commands, check_packages
-- writes: nothing (locks a table of the view set)
--
-- Scratch view sets are made once, by migrate: a request that made tables would leave rows in the
-- system catalogs. Whoever takes one undoes what it wrote there, by an error that it catches itself,
-- and lets go of the lock by that. log_epochs is the table that is locked, since nobody writes it
-- here: no autovacuum comes to hold it.
CREATE OR REPLACE FUNCTION artifactstore.take_scratch()
RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_schemas CONSTANT text[] := artifactstore.scratch_names();
    -- The same one each time if it can be: plans are kept for one view set.
    v_place integer := pg_backend_pid() % cardinality(v_schemas);
    v_schema text := v_schemas[v_place + 1];
BEGIN
    FOR v_tried IN 1..cardinality(v_schemas) LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %I.log_epochs IN EXCLUSIVE MODE NOWAIT', v_schema);
            PERFORM artifactstore.own_view_set(v_schema);
            RETURN v_schema;
        EXCEPTION WHEN lock_not_available THEN
            v_schema := v_schemas[(v_place + v_tried) % cardinality(v_schemas) + 1];
        END;
    END LOOP;
    PERFORM artifactstore.limit_waits();
    EXECUTE format('LOCK TABLE %I.log_epochs IN EXCLUSIVE MODE', v_schema);
    PERFORM artifactstore.own_view_set(v_schema);
    RETURN v_schema;
EXCEPTION WHEN lock_not_available THEN
    PERFORM artifactstore.refuse('busy', jsonb_build_object(
        'problem', 'all scratch view sets are in use', 'view_sets', cardinality(v_schemas),
        'lock_timeout', current_setting('lock_timeout')));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.take_scratch() IS
'Schema of a scratch view set that is this transaction''s alone until it undoes what it did since; '
'refuses busy when none gets free within lock_timeout (5 s)';
