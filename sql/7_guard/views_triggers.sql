-- purpose: views are written by projectors only
-- called by: migrate
-- writes: nothing
DO $$
DECLARE
    v_view text;
BEGIN
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I BEFORE INSERT OR UPDATE OR DELETE ON artifactstore.%I'
            ' FOR EACH STATEMENT'
            ' EXECUTE FUNCTION artifactstore.forbid_direct_write()',
            v_view || '_forbid_direct_write', v_view);
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I BEFORE TRUNCATE ON artifactstore.%I FOR EACH STATEMENT'
            ' EXECUTE FUNCTION artifactstore.forbid_direct_write()',
            v_view || '_forbid_direct_truncate', v_view);
        EXECUTE format('ALTER TABLE artifactstore.%I ENABLE ALWAYS TRIGGER %I',
            v_view, v_view || '_forbid_direct_write');
        EXECUTE format('ALTER TABLE artifactstore.%I ENABLE ALWAYS TRIGGER %I',
            v_view, v_view || '_forbid_direct_truncate');
    END LOOP;
END
$$;
