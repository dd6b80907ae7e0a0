-- purpose: is a purl in the one spelling that the door lets in
-- called by: check_door
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.purl_problem(p_purl text)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE -- an EXCEPTION block fails in parallel plans up to PostgreSQL 16
AS $$
DECLARE
    v_canonical pg_catalog.text;
    v_detail pg_catalog.text;
BEGIN
    v_canonical := artifactstore.canonical_purl(p_purl);
    RETURN CASE WHEN v_canonical <> p_purl THEN jsonb_build_object(
        'problem', 'it is another spelling of ' || v_canonical, 'canonical', v_canonical) END;
EXCEPTION WHEN SQLSTATE 'ST010' THEN
    GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL;
    RETURN v_detail::jsonb - 'code';
END
$$;

COMMENT ON FUNCTION artifactstore.purl_problem(text) IS
'Null for a canonical purl, else what is wrong as canonical_purl says it; '
'of another spelling: problem and canonical';
