-- purpose: raise a named refusal: SQLSTATE, message and hint from error_codes, DETAIL as JSON
-- called by: every function that refuses
-- writes: nothing
--
-- An event in the log is named by its sequence. One that is being appended has none, and the number
-- that it would have had will be that of another event: it is named by its position. append says that
-- it is at work in the setting artifactstore.appending: the head, and the positions of what is new when
-- some of the events were known already.
CREATE OR REPLACE FUNCTION artifactstore.refuse(p_code text, p_detail jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_error artifactstore.error_codes;
    v_detail pg_catalog.jsonb := p_detail;
    v_appending pg_catalog.text[] := string_to_array(
        nullif(current_setting('artifactstore.appending', true), ''), ' ');
    v_position bigint := (p_detail -> 'sequence')::bigint - v_appending[1]::bigint;
BEGIN
    IF v_position IS NOT NULL THEN
        v_detail := v_detail - 'sequence' || jsonb_build_object(
            'position', coalesce((v_appending[2]::integer[])[v_position], v_position));
    END IF;
    -- A refusal whose row is missing is a refusal: of class ST, and with its name in DETAIL.
    SELECT * INTO v_error FROM artifactstore.error_codes c WHERE c.name = p_code;
    RAISE EXCEPTION USING
        ERRCODE = coalesce(v_error.sqlstate, 'ST000'),
        MESSAGE = coalesce(p_code, 'refused') || coalesce(': ' || v_error.message, '')
            || coalesce(': ' || (v_detail ->> 'problem'), '')
            || coalesce(' (sequence ' || (v_detail ->> 'sequence') || ')', ''),
        DETAIL = (jsonb_build_object('code', p_code) || coalesce(v_detail, '{}'))::text,
        HINT = coalesce(v_error.hint, 'artifactstore.error_codes lacks it: run artifactstore migrate');
END
$$;

COMMENT ON FUNCTION artifactstore.refuse(text, jsonb) IS
'Raises the named refusal (see error_codes) with p_detail as JSON in DETAIL; '
'in an append, position instead of sequence';
