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
    v_schema text;
    v_package artifactstore.artifact_packages;
BEGIN
    PERFORM artifactstore.refuse_no_event(p_sequence);
    BEGIN
        v_schema := artifactstore.take_scratch();
        PERFORM artifactstore.project_sequences(
            v_schema, artifactstore.package_sequences(p_package_id, p_sequence));
        EXECUTE format('SELECT p.* FROM %I.artifact_packages p WHERE p.package_id = $1', v_schema)
        INTO v_package USING p_package_id;
        -- The rows were only to be looked at: an error that is caught takes them away.
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
'The row of a package as the log left it at event p_sequence, none if it was not there yet; '
'folds the events of that package alone';
