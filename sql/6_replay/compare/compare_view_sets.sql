-- purpose: are two view sets equal, row by row and column by column
-- called by: role operator (artifactstore verify), check_packages
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.compare_view_sets(
    p_left text, p_right text, p_packages uuid[] DEFAULT NULL
)
RETURNS TABLE (view_name text, key text, column_name text, left_value text, right_value text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET work_mem = '64MB'
AS $$
DECLARE
    v_view text;
    v_key text;
    v_these text;
BEGIN
    PERFORM artifactstore.own_view_set(p_left);
    PERFORM artifactstore.own_view_set(p_right);
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        CONTINUE WHEN p_packages IS NOT NULL AND NOT artifactstore.has_package(v_view);
        v_key := artifactstore.primary_key(v_view);
        v_these := CASE WHEN p_packages IS NULL THEN '$1 IS NULL' ELSE artifactstore.package_rows(v_view) END;
        RETURN QUERY EXECUTE format($query$
            SELECT %1$L, d.key, c.name, c.left_value, c.right_value
            FROM (
                SELECT jsonb_build_array(%2$s)::text AS key, l AS l, r AS r
                FROM (SELECT v.* FROM %3$I.%1$I v WHERE %5$s) l
                FULL JOIN (SELECT v.* FROM %4$I.%1$I v WHERE %5$s) r USING (%2$s)
                WHERE l.* IS NULL OR r.* IS NULL OR l.*::record *<> r.*::record
            ) d
            CROSS JOIN LATERAL (
                SELECT coalesce(a.key, b.key) AS name, a.value AS left_value, b.value AS right_value
                FROM jsonb_each_text(to_jsonb(d.l)) a
                FULL JOIN jsonb_each_text(to_jsonb(d.r)) b USING (key)
                WHERE a.value IS DISTINCT FROM b.value AND (d.l IS NULL OR d.r IS NULL) IS FALSE
                UNION ALL
                SELECT '(row)', CASE WHEN d.l IS NULL THEN 'missing' ELSE 'present' END,
                    CASE WHEN d.r IS NULL THEN 'missing' ELSE 'present' END
                WHERE d.l IS NULL OR d.r IS NULL
            ) c
            ORDER BY d.key, c.name
            $query$, v_view, v_key, p_left, p_right, v_these)
        USING p_packages;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.compare_view_sets(text, text, uuid[]) IS
'Every difference between two view sets, or between their rows of some packages: view, primary key '
'(JSON array), column, value left and right; a row that one side lacks is column (row), missing or present';
