-- purpose: what is unique in the live views is unique in a view set, and found as fast
-- called by: create_view_set, begin_rebuild, as_of, verify_part
-- writes: nothing (creates indexes)
CREATE OR REPLACE FUNCTION artifactstore.index_views(p_schema text, p_content boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_statement text;
BEGIN
    FOR v_statement IN
        SELECT CASE WHEN k.oid IS NULL
            THEN format('CREATE %s INDEX %I ON %I.%I%s', CASE WHEN i.indisunique THEN 'UNIQUE' END, c.relname,
                p_schema, v.name, substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*'))
            ELSE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s',
                p_schema, v.name, k.conname, pg_get_constraintdef(k.oid)) END
        FROM unnest(artifactstore.view_names()) WITH ORDINALITY AS v (name, position)
        JOIN pg_catalog.pg_index i ON i.indrelid = format('artifactstore.%I', v.name)::regclass
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
        -- Nobody asks a set that is only filled and compared who has a content, a path, a label or a case,
        -- what is in a namespace, or which request an event belongs to.
        WHERE p_content OR i.indisunique OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                AND a.attname IN (
                    'blake3', 'sha256', 'path', 'labels', 'namespace', 'case_ref', 'first_sequence'))
        ORDER BY v.position, c.relname
    LOOP
        EXECUTE v_statement;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.index_views(text, boolean) IS
'Makes the primary keys, unique constraints and indexes of the live views on the tables of the view set '
'p_schema, by the same names; rows that break one are an error. p_content: also those by which files are '
'found by content and path, packages by label and namespace, holds by case, requests by their first event';
