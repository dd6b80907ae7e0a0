-- purpose: are the live rows of these packages what their events say, while appends go on
-- called by: roles service, operator (verify --online, the check of the service)
-- writes: nothing that stays
--
-- With the events of one package alone there are fewer claims on bytes, so check_bytes refuses nothing more.
CREATE OR REPLACE FUNCTION artifactstore.check_packages(
    p_packages uuid[], p_sequences bigint[], p_max_events integer DEFAULT NULL
)
RETURNS TABLE (view_name text, key text, column_name text, left_value text, right_value text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_schema text;
    v_head bigint := artifactstore.log_head();
    v_checked uuid[] := '{}';
    v_package uuid;
    v_also bigint[];
    v_sequences bigint[];
    v_found jsonb := '[]';
BEGIN
    PERFORM artifactstore.refuse_many_snapshots();
    BEGIN
        v_schema := artifactstore.take_scratch();
        FOR v_package, v_also IN
            SELECT p.package_id, array_agg(s.sequence)
            FROM unnest(p_packages) AS p (package_id)
            LEFT JOIN (
                SELECT e.sequence, artifactstore.event_package(e) AS package_id
                FROM artifactstore.events e WHERE e.sequence = ANY (p_sequences) AND e.sequence <= v_head) s
                USING (package_id)
            GROUP BY p.package_id
        LOOP
            v_sequences := artifactstore.package_sequences(v_package, v_head);
            CONTINUE WHEN cardinality(v_sequences) > p_max_events;
            BEGIN
                PERFORM artifactstore.project_sequences(v_schema, ARRAY(
                    SELECT DISTINCT n FROM unnest(v_sequences || v_also) AS n
                    WHERE n IS NOT NULL ORDER BY n));
                v_checked := v_checked || v_package;
            EXCEPTION WHEN SQLSTATE 'ST000' THEN
                -- Class ST: rows are missing that these events need.
                v_found := v_found || jsonb_build_array(jsonb_build_array(
                    'artifact_packages', jsonb_build_array(v_package)::text, '(events)', NULL, SQLERRM));
            END;
        END LOOP;
        SELECT v_found || coalesce(jsonb_agg(jsonb_build_array(
            c.view_name, c.key, c.column_name, c.left_value, c.right_value)), '[]')
        INTO v_found
        FROM artifactstore.compare_view_sets('artifactstore', v_schema, v_checked) c;
        -- The rows were only to be looked at: an error that is caught takes them away.
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'undo';
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
        NULL;
    END;
    RETURN QUERY
    SELECT f ->> 0, f ->> 1, f ->> 2, f ->> 3, f ->> 4 FROM jsonb_array_elements(v_found) AS f;
END
$$;

COMMENT ON FUNCTION artifactstore.check_packages(uuid[], bigint[], integer) IS
'Folds the events of these packages (and the events p_sequences of theirs) '
'anew and compares with the live rows, in a REPEATABLE READ transaction; '
'differences as compare_view_sets gives them, left live. '
'Packages of more than p_max_events events are left out';
