-- purpose: are the live rows of a part of the packages what the log says
-- called by: role operator (artifactstore verify)
-- writes: nothing that stays, when its transaction is rolled back (makes a view set)
--
-- Each session folds into a view set of its own, in one shared snapshot, so nothing has to be committed for
-- others to see. Keys that packages share are not held unique there. They are where the live rows have unique
-- indexes: when no row of any part differs, and all parts together have as many rows as the live views, they
-- are those rows.
CREATE OR REPLACE FUNCTION artifactstore.verify_part(
    p_part integer, p_parts integer, p_last bigint, OUT different boolean, OUT events bigint, OUT counts jsonb
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
SET work_mem = '64MB'
AS $$
DECLARE
    v_schema CONSTANT text := 'artifactstore_verify_' || pg_backend_pid();
    v_at bigint := 0;
    v_view text;
    v_rows bigint;
    v_differ bigint;
BEGIN
    PERFORM artifactstore.refuse_many_snapshots();
    PERFORM artifactstore.own_view_set('artifactstore');
    PERFORM artifactstore.create_views(v_schema);
    PERFORM artifactstore.index_views(v_schema, false);
    events := 0;
    WHILE v_at < p_last LOOP
        SELECT s.last, verify_part.events + s.events INTO v_at, events
        FROM artifactstore.project_part(v_schema, p_part, p_parts, v_at + 1, p_last) s;
        RAISE NOTICE USING
            MESSAGE = format('part %s of %s: %s of %s events', p_part, p_parts, v_at, p_last),
            DETAIL = jsonb_build_object('done', v_at, 'total', p_last);
    END LOOP;
    -- By the live rows, which are those of all parts if none differs.
    different := p_part = 0 AND artifactstore.bytes_needed('artifactstore');
    counts := '{}';
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format('SELECT count(*), count(*) FILTER (WHERE l.* IS NULL OR l.*::record *<> r.*::record)'
            || ' FROM %2$I.%1$I r LEFT JOIN artifactstore.%1$I l USING (%3$s)',
            v_view, v_schema, artifactstore.primary_key(v_view)) INTO v_rows, v_differ;
        different := different OR v_differ > 0;
        counts := counts || jsonb_build_object(v_view, v_rows);
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.verify_part(integer, integer, bigint) IS
'In a REPEATABLE READ transaction that is to be rolled back: folds the events up to p_last of the packages '
'of a part into the new view set artifactstore_verify_<pid>; returns whether any of its rows differs from '
'the live one, or (part 0) bytes were deleted that others needed, how many events it folded, and how many '
'rows each view has';
