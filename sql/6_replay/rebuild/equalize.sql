-- purpose: make live rows equal to those of a rebuild, a bounded number of packages under the append lock
-- called by: role operator (artifactstore replay)
-- writes: the live views
CREATE OR REPLACE FUNCTION artifactstore.equalize(p_packages integer)
RETURNS TABLE (packages_left bigint, written bigint, seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    v_started timestamptz;
    v_packages uuid[];
    v_view text;
    v_these text;
    v_deleted bigint;
    v_inserted bigint;
BEGIN
    PERFORM artifactstore.lock_log();
    v_started := clock_timestamp();
    PERFORM artifactstore.own_view_set('artifactstore');
    PERFORM artifactstore.rebuild_next(artifactstore.log_head());
    WITH taken AS (
        DELETE FROM artifactstore_rebuild.different_packages d
        WHERE d.package_id = ANY (ARRAY(
            SELECT n.package_id FROM artifactstore_rebuild.different_packages n
            ORDER BY n.package_id LIMIT p_packages))
        RETURNING d.package_id
    )
    SELECT coalesce(array_agg(t.package_id), '{}') INTO v_packages FROM taken t;

    PERFORM set_config('artifactstore.projecting', 'on', true);
    written := 0;
    -- All rows that differ go before any comes: among the new ones may be a purl or path of one of them.
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        v_these := artifactstore.package_rows(v_view);
        EXECUTE format('DELETE FROM artifactstore.%1$I t USING ('
            || ' SELECT %2$s FROM (SELECT * FROM artifactstore.%1$I v WHERE %3$s) l'
            || ' LEFT JOIN artifactstore_rebuild.%1$I r USING (%2$s)'
            || ' WHERE r.* IS NULL OR l.*::record *<> r.*::record) d WHERE (%4$s) = (%5$s)',
            v_view, artifactstore.primary_key(v_view), v_these,
            artifactstore.primary_key(v_view, 't'), artifactstore.primary_key(v_view, 'd'))
        USING v_packages;
        GET DIAGNOSTICS v_deleted = ROW_COUNT;
        written := written + v_deleted;
    END LOOP;
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        v_these := artifactstore.package_rows(v_view);
        EXECUTE format('INSERT INTO artifactstore.%1$I'
            || ' SELECT * FROM artifactstore_rebuild.%1$I v WHERE (%2$s)'
            || ' AND NOT EXISTS (SELECT FROM artifactstore.%1$I l WHERE (%3$s) = (%4$s))',
            v_view, v_these, artifactstore.primary_key(v_view, 'l'), artifactstore.primary_key(v_view, 'v'))
        USING v_packages;
        GET DIAGNOSTICS v_inserted = ROW_COUNT;
        written := written + v_inserted;
    END LOOP;
    PERFORM set_config('artifactstore.projecting', 'off', true);
    DELETE FROM artifactstore_rebuild.different_rows;
    SELECT count(*) INTO packages_left FROM artifactstore_rebuild.different_packages;
    seconds := extract(EPOCH FROM clock_timestamp() - v_started);
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION artifactstore.equalize(integer) IS
'Under the append lock: brings the rebuild to the head and makes the live rows of up to p_packages of the '
'packages that find_differences noted equal to it, and all noted requests and epochs; '
'returns how many packages are left, rows deleted and inserted, seconds that it held the lock so far';
