-- purpose: what made a view set: the projectors that are installed, and the columns of the views
-- called by: create_snapshot, view_set_problem, begin_rebuild, as_of, rebuild_problem
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.fingerprint()
RETURNS bytea
LANGUAGE plpgsql STABLE
SET search_path = artifactstore, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    v_fingerprint bytea;
BEGIN
    -- How types are written depends on the settings above, and every session must get the same.
    SELECT sha256(s.projectors || convert_to((
        SELECT string_agg(format('%s.%s %s', v.name, a.attname,
            format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY v.position, a.attnum)
        FROM unnest(artifactstore.view_names()) WITH ORDINALITY AS v (name, position)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = format('artifactstore.%I', v.name)::regclass
        WHERE a.attnum > 0 AND NOT a.attisdropped), 'UTF8'))
    INTO v_fingerprint FROM artifactstore.software s;
    IF v_fingerprint IS NULL THEN
        -- Compared as null, whatever other projectors made would be as good as what these make.
        PERFORM artifactstore.refuse('stale-views', jsonb_build_object(
            'problem', 'artifactstore.software does not say which are installed: run artifactstore migrate'));
    END IF;
    RETURN v_fingerprint;
END
$$;

COMMENT ON FUNCTION artifactstore.fingerprint() IS
'SHA-256 over the sources of the projectors and the columns of the views: equal where the same log gives the '
'same rows; refuses stale-views when it is not known';
