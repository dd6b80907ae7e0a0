-- purpose: what the tables of a view set look like, to tell whether it is like the live one
-- called by: scratch_sets
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.view_set_shape(p_schema text)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(d.described, E'\n' ORDER BY d.described COLLATE "C")
    FROM unnest(artifactstore.view_names()) AS v (name)
    JOIN pg_catalog.pg_class c
        ON c.relname = v.name AND c.relnamespace = to_regnamespace(quote_ident(p_schema))
    CROSS JOIN LATERAL (
        SELECT format('%s column %s %s %s %s %s', v.name, a.attnum, a.attname,
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT format('%s index %s %s', v.name, i.indisunique,
            substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*'))
        FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid
        UNION ALL
        SELECT format('%s check %s', v.name, pg_get_constraintdef(k.oid))
        FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
        UNION ALL
        SELECT format('%s options %s', v.name, c.reloptions)
    ) AS d (described)
$$;

COMMENT ON FUNCTION artifactstore.view_set_shape(text) IS
'Columns, indexes, checks and options of the tables of a view set, a line each, '
'without the names of indexes; null when there are none';
