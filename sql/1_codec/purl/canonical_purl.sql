-- purpose: the one canonical form of a purl in any valid spelling
-- called by: purl_problem, explain_policies, people and programs that look for a package
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.canonical_purl(p_purl text)
RETURNS text
-- PARALLEL UNSAFE: an EXCEPTION block fails in parallel plans up to PostgreSQL 16
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
AS $$
DECLARE
    c_attempts CONSTANT integer := 4;
    v_text pg_catalog.text := p_purl;
    v_canonical pg_catalog.text;
    v_found pg_catalog.text;
    v_detail pg_catalog.jsonb;
BEGIN
    -- After the first attempt only what may have been meant is tried, for the refusal.
    FOR v_attempt IN 1 .. c_attempts LOOP
        BEGIN
            v_canonical := artifactstore.spell_purl(v_text);
        EXCEPTION WHEN SQLSTATE 'ST010' THEN
            GET STACKED DIAGNOSTICS v_found = PG_EXCEPTION_DETAIL;
            v_detail := coalesce(v_detail, v_found::jsonb);
            v_text := v_found::jsonb ->> 'meant';
        END;
        EXIT WHEN v_canonical IS NOT NULL OR v_text IS NULL;
    END LOOP;
    IF v_detail IS NOT NULL THEN
        PERFORM artifactstore.refuse('invalid-purl', (v_detail - '{code,meant}'::text[])
            || jsonb_strip_nulls(jsonb_build_object('canonical', v_canonical)));
    END IF;
    RETURN v_canonical;
END
$$;

COMMENT ON FUNCTION artifactstore.canonical_purl(text) IS
'The canonical form of a purl in any valid spelling, by the purl specification and the rules of purl_types; '
'names in NFC. Refuses (invalid-purl) any other text. '
'DETAIL: problem, part of the purl, at (character of the text, from 1), character as U+XXXX, canonical '
'(what was perhaps meant)';
