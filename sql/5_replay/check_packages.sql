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
    v_schema text := 'artifactstore_check_' || pg_backend_pid();
    v_head bigint := artifactstore.log_head();
    v_checked uuid[] := '{}';
    v_package uuid;
    v_found jsonb := '[]';
BEGIN
    PERFORM artifactstore.refuse_many_snapshots();
    BEGIN
        PERFORM artifactstore.create_view_set(v_schema);
        FOREACH v_package IN ARRAY coalesce(p_packages, '{}') LOOP
            CONTINUE WHEN cardinality(artifactstore.package_sequences(v_package, v_head)) > p_max_events;
            BEGIN
                PERFORM artifactstore.project_package(v_schema, v_package, v_head, ARRAY(
                    SELECT s.sequence FROM artifactstore.events s
                    WHERE s.sequence = ANY (p_sequences) AND artifactstore.event_package(s) = v_package));
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
        -- The view set was only to be looked at: an error that is caught takes it away.
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'undo';
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
        NULL;
    END;
    RETURN QUERY
    SELECT f ->> 0, f ->> 1, f ->> 2, f ->> 3, f ->> 4 FROM jsonb_array_elements(v_found) AS f;
END
$$;

COMMENT ON FUNCTION artifactstore.check_packages(uuid[], bigint[], integer) IS
'Folds the events of these packages (and the events p_sequences of theirs) anew and compares with the live rows, in a REPEATABLE READ transaction; differences as compare_view_sets gives them, left live. Packages of more than p_max_events events are left out';
