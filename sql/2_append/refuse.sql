-- purpose: raise a named refusal: SQLSTATE, message and hint from error_codes, DETAIL as JSON
-- called by: every function that refuses
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse(p_code text, p_detail jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_error artifactstore.error_codes;
BEGIN
    -- A refusal whose row is missing is a refusal: of class ST, and with its name in DETAIL.
    SELECT * INTO v_error FROM artifactstore.error_codes c WHERE c.name = p_code;
    RAISE EXCEPTION USING
        ERRCODE = coalesce(v_error.sqlstate, 'ST000'),
        MESSAGE = coalesce(p_code, 'refused') || coalesce(': ' || v_error.message, '') || coalesce(': ' || (p_detail ->> 'problem'), '')
            || coalesce(' (sequence ' || (p_detail ->> 'sequence') || ')', ''),
        DETAIL = (jsonb_build_object('code', p_code) || coalesce(p_detail, '{}'))::text,
        HINT = coalesce(v_error.hint, 'artifactstore.error_codes lacks it: run artifactstore migrate');
END
$$;

COMMENT ON FUNCTION artifactstore.refuse(text, jsonb) IS
'Raises the named refusal (see error_codes) with p_detail as JSON in DETAIL';
