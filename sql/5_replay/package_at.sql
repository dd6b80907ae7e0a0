-- purpose: a package as it was
-- called by: role service (Store.package_at)
-- writes: nothing that stays
CREATE OR REPLACE FUNCTION artifactstore.package_at(p_package_id uuid, p_sequence bigint)
RETURNS SETOF artifactstore.artifact_packages
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_schema text := 'artifactstore_at_' || pg_backend_pid();
    v_package artifactstore.artifact_packages;
BEGIN
    IF p_sequence > artifactstore.log_head() THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object('problem',
            format('there is no event %s, the log ends at %s', p_sequence, artifactstore.log_head())));
    END IF;
    BEGIN
        PERFORM artifactstore.create_view_set(v_schema);
        PERFORM artifactstore.project_package(v_schema, p_package_id, p_sequence);
        EXECUTE format('SELECT p.* FROM %I.artifact_packages p WHERE p.package_id = $1', v_schema)
        INTO v_package USING p_package_id;
        -- The view set was only to be looked at: an error that is caught takes it away.
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'undo';
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
        NULL;
    END;
    IF v_package.package_id IS NOT NULL THEN
        RETURN NEXT v_package;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.package_at(uuid, bigint) IS
'The row of a package as the log left it at event p_sequence, none if it was not there yet; folds the events of that package alone';
