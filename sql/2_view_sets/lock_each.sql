-- purpose: lock those of some tables that are there
-- called by: lock_tables
-- writes: nothing (locks tables)
CREATE OR REPLACE FUNCTION artifactstore.lock_each(p_schema text, p_tables text[], p_mode text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_table text;
BEGIN
    PERFORM artifactstore.limit_waits();
    FOREACH v_table IN ARRAY p_tables LOOP
        CONTINUE WHEN to_regclass(format('%I.%I', p_schema, v_table)) IS NULL;
        EXECUTE format('LOCK TABLE %I.%I IN %s', p_schema, v_table, p_mode);
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.lock_each(text, text[], text) IS
'LOCK TABLE in turn for the tables of a schema that are there; p_mode: as LOCK TABLE has it, NOWAIT included';
