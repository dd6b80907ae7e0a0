-- purpose: the one judge of view sets: with the owner's rights only plain tables of the owner are touched
-- called by: own_view_set, view_set_problem, rebuild_worker, named_points
-- writes: nothing (with p_lock: holds what it judged, so that names mean the same until the end)
--
-- A name is not enough: a temporary view, a schema that somebody made first or a type with operators of its
-- own would run its maker's code as the owner. Tables are judged by the oid that the name has now, even where
-- the snapshot of the transaction is older, and nothing of them is evaluated.
CREATE OR REPLACE FUNCTION artifactstore.view_set_fault(
    p_schema text, p_whole boolean DEFAULT true, p_lock boolean DEFAULT true
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_schema oid := CASE WHEN p_schema !~ '^pg_' THEN pg_catalog.to_regnamespace(quote_ident(p_schema)) END;
    v_owner oid;
    v_view text;
    v_table oid;
    v_fault text;
BEGIN
    SELECT n.nspowner INTO STRICT v_owner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'artifactstore';
    SELECT CASE
        WHEN n.nspowner <> v_owner THEN 'the schema belongs to ' || n.nspowner::regrole
        WHEN EXISTS (
            SELECT FROM pg_catalog.aclexplode(n.nspacl) a
            WHERE a.privilege_type = 'CREATE' AND a.grantee <> v_owner) THEN 'others may create in the schema'
        ELSE '' END
    INTO v_fault FROM pg_catalog.pg_namespace n WHERE n.oid = v_schema;
    IF v_fault IS DISTINCT FROM '' THEN
        RETURN jsonb_build_object('schema', p_schema, 'problem', coalesce(
            v_fault, CASE WHEN p_schema ~ '^pg_' THEN 'it is of PostgreSQL itself'
                ELSE 'there is no such schema' END));
    END IF;

    IF p_lock THEN
        PERFORM artifactstore.limit_waits();
    END IF;
    BEGIN
        FOREACH v_view IN ARRAY artifactstore.view_names() || CASE WHEN p_schema = 'artifactstore_rebuild'
            THEN ARRAY['progress', 'parts', 'different_packages', 'different_rows'] ELSE '{}' END
        LOOP
            v_table := pg_catalog.to_regclass(format('%I.%I', p_schema, v_view));
            CONTINUE WHEN v_table IS NULL AND NOT p_whole;
            SELECT CASE
                WHEN c.relowner <> v_owner THEN 'belongs to ' || c.relowner::regrole
                WHEN c.relkind <> 'r' OR c.relispartition THEN 'is not a plain table'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid))
                    THEN 'has a parent or a child'
                WHEN c.relrowsecurity OR c.relforcerowsecurity THEN 'has row security'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid) THEN 'has a rule'
                WHEN EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    WHERE t.tgrelid = c.oid AND (t.tgisinternal OR t.tgfoid IS DISTINCT FROM
                        pg_catalog.to_regprocedure('artifactstore.forbid_direct_write()')))
                    THEN 'has a trigger'
                WHEN EXISTS (
                    SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                    WHERE a.attrelid = c.oid AND a.attnum > 0
                        AND t.typnamespace <> 'pg_catalog'::regnamespace)
                    THEN 'has a column of a type that is not PostgreSQL''s'
                WHEN p_whole AND v_view = ANY (artifactstore.view_names()) AND ARRAY(
                        SELECT (a.attname, a.atttypid, a.atttypmod, a.attcollation)::text
                        FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = c.oid
                            AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) <> ARRAY(
                        SELECT (a.attname, a.atttypid, a.atttypmod, a.attcollation)::text
                        FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = pg_catalog.to_regclass(format('artifactstore.%I', v_view))
                            AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
                    THEN 'has other columns than the live view'
                ELSE '' END
            INTO v_fault FROM pg_catalog.pg_class c WHERE c.oid = v_table;
            IF v_fault = '' AND p_lock THEN
                EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS SHARE MODE', p_schema, v_view);
                v_fault := CASE WHEN v_table = pg_catalog.to_regclass(format('%I.%I', p_schema, v_view))
                    THEN '' ELSE 'was exchanged meanwhile' END;
            END IF;
            IF v_fault IS DISTINCT FROM '' THEN
                RETURN jsonb_build_object('schema', p_schema, 'table', v_view,
                    'problem', v_view || ' ' || coalesce(v_fault, 'is missing'));
            END IF;
        END LOOP;
    EXCEPTION WHEN undefined_table OR invalid_schema_name THEN
        PERFORM artifactstore.refuse('busy', jsonb_build_object(
            'problem', 'somebody drops the tables of the schema ' || p_schema || ' just now'));
    END;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.view_set_fault(text, boolean, boolean) IS
'Why a schema is not a view set that belongs to the owner (schema, table, problem), null if it is one; '
'p_whole: with every view, and their columns; p_lock: keep its tables as they are until the transaction ends';
