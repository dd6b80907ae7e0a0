-- purpose: no blanks, controls or invisible characters in a text that should be a purl
-- called by: spell_purl
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_purl_text(p_purl text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    c_blanks CONSTANT pg_catalog.text := E' \t\n\r\f\v';
    v_at integer := regexp_instr(p_purl, '[\u0001-\u0020\u007F]');
    v_character pg_catalog.text;
    v_meant pg_catalog.text;
BEGIN
    IF btrim(p_purl, c_blanks) <> p_purl THEN
        PERFORM artifactstore.refuse_purl('there are blanks around it', 'text',
            CASE WHEN v_at = 1 THEN 1 ELSE length(rtrim(p_purl, c_blanks)) + 1 END,
            CASE WHEN v_at = 1 THEN left(p_purl, 1) ELSE right(p_purl, 1) END, btrim(p_purl, c_blanks));
    END IF;
    v_at := coalesce(nullif(v_at, 0), artifactstore.hidden_character(p_purl));
    IF v_at = 0 THEN
        RETURN;
    END IF;
    v_character := substr(p_purl, v_at, 1);
    IF v_character = ' ' THEN
        v_meant := replace(p_purl, ' ', '%20');
        PERFORM artifactstore.refuse_purl('a blank is written %20', 'text', v_at, v_character, v_meant);
    END IF;
    v_meant := replace(p_purl, v_character, '');
    PERFORM artifactstore.refuse_purl(
        'a character that cannot be seen, or a control character', 'text', v_at, v_character, v_meant);
END
$$;

COMMENT ON FUNCTION artifactstore.check_purl_text(text) IS
'Refuses (invalid-purl) blanks, control characters and invisible ones';
