-- purpose: what of the live views is not what a rebuild says, at one sequence, while appends go on
-- called by: role operator (artifactstore replay)
-- writes: the tables of the rebuild
--
-- The package is the consistency boundary: what its events do depends on its own rows alone. (Whether one is
-- refused may depend on keys and bytes that other packages took, but what is in the log was accepted.) So a
-- package whose rows are equal at one sequence stays equal, and the differences found here are all that will
-- ever have to be mended, however many events come before that is done.
CREATE OR REPLACE FUNCTION artifactstore.find_differences()
RETURNS TABLE (sequence bigint, packages bigint, rows bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    v_view text;
    v_differs text;
BEGIN
    PERFORM artifactstore.refuse_many_snapshots();
    PERFORM artifactstore.own_view_set('artifactstore');
    sequence := artifactstore.rebuild_next(artifactstore.log_head());
    DELETE FROM artifactstore_rebuild.different_packages;
    DELETE FROM artifactstore_rebuild.different_rows;
    FOREACH v_view IN ARRAY artifactstore.different_views('artifactstore', 'artifactstore_rebuild') LOOP
        v_differs := format(
            'FROM artifactstore.%1$I l FULL JOIN artifactstore_rebuild.%1$I r USING (%2$s)'
            ' WHERE l.* IS NULL OR r.* IS NULL OR l.*::record *<> r.*::record',
            v_view, artifactstore.primary_key(v_view));
        IF artifactstore.has_package(v_view) THEN
            EXECUTE 'INSERT INTO artifactstore_rebuild.different_packages'
                ' SELECT p.package_id FROM (SELECT l.package_id AS l_package, r.package_id AS r_package '
                || v_differs || ') d'
                ' CROSS JOIN LATERAL (VALUES (d.l_package), (d.r_package)) AS p (package_id)'
                ' WHERE p.package_id IS NOT NULL ON CONFLICT DO NOTHING';
        ELSE
            EXECUTE format('INSERT INTO artifactstore_rebuild.different_rows'
                ' SELECT DISTINCT %L, s.created_sequence FROM (SELECT l.created_sequence AS l_sequence,'
                ' r.created_sequence AS r_sequence ', v_view)
                || v_differs || ') d CROSS JOIN LATERAL (VALUES (d.l_sequence), (d.r_sequence))'
                ' AS s (created_sequence) WHERE s.created_sequence IS NOT NULL';
        END IF;
    END LOOP;
    SELECT count(*) INTO packages FROM artifactstore_rebuild.different_packages;
    SELECT count(*) INTO rows FROM artifactstore_rebuild.different_rows;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION artifactstore.find_differences() IS
'Brings the rebuild to the head that its REPEATABLE READ transaction sees, and notes each package, '
'request and epoch whose live rows differ; returns that sequence and how many';
