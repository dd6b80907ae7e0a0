-- purpose: key columns of a view, for joins
-- called by: compare_view_sets, find_differences, equalize, verify_part
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.primary_key(p_view text, p_alias text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(coalesce(quote_ident(p_alias) || '.', '') || quote_ident(a.attname), ', ' ORDER BY k.n)
    FROM pg_catalog.pg_constraint c
    CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k (attnum, n)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
    WHERE c.conrelid = format('artifactstore.%I', p_view)::regclass AND c.contype = 'p'
$$;

COMMENT ON FUNCTION artifactstore.primary_key(text, text) IS
'Primary key columns of a view, comma-separated and quoted, each behind p_alias if that is given';
