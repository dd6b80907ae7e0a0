-- purpose: one piece of a purl, percent-decoded and in NFC
-- called by: canonical_path, canonical_qualifiers, canonical_subpath
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.purl_segment(
    p_purl text, p_at integer, p_length integer, p_part text
)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    v_raw pg_catalog.text := substr(p_purl, p_at, p_length);
    v_rest pg_catalog.text := substr(p_purl, p_at + p_length);
    v_text pg_catalog.text;
    v_bad integer;
    v_character pg_catalog.text;
BEGIN
    IF v_raw ~ '^[A-Za-z0-9._~:-]*$' THEN
        RETURN v_raw;
    END IF;
    v_bad := regexp_instr(v_raw, '%(?![0-9A-Fa-f]{2})');
    IF v_bad > 0 THEN
        PERFORM artifactstore.refuse_purl(
            'a % that begins no escape is written %25', p_part, p_at + v_bad - 1, '%',
            left(p_purl, p_at - 1) || regexp_replace(v_raw, '%(?![0-9A-Fa-f]{2})', '%25', 'g') || v_rest);
    END IF;
    v_bad := regexp_instr(v_raw, '%(?:[01][0-9A-Fa-f]|7[Ff])');
    IF v_bad > 0 THEN
        PERFORM artifactstore.refuse_purl(
            format('%s is a control character', substr(v_raw, v_bad, 3)), p_part, p_at + v_bad - 1);
    END IF;
    v_text := artifactstore.percent_decode(v_raw);
    IF v_text IS NULL THEN
        PERFORM artifactstore.refuse_purl('its escapes are no UTF-8', p_part, p_at + strpos(v_raw, '%') - 1);
    END IF;
    IF octet_length(v_text) > length(v_text) THEN
        v_bad := artifactstore.hidden_character(v_text);
        IF v_bad > 0 THEN
            v_character := substr(v_text, v_bad, 1);
            PERFORM artifactstore.refuse_purl('it has a character that cannot be seen', p_part,
                p_at - 1 + greatest(1,
                    strpos(upper(v_raw COLLATE "C"), artifactstore.percent_encode(v_character))),
                v_character, left(p_purl, p_at - 1)
                || artifactstore.percent_encode(replace(v_text, v_character, '')) || v_rest);
        END IF;
        v_text := normalize(v_text, NFC);
    END IF;
    RETURN v_text;
END
$$;

COMMENT ON FUNCTION artifactstore.purl_segment(text, integer, integer, text) IS
'The p_length characters of a purl from p_at, percent-decoded and in NFC; '
'refuses (invalid-purl) what is no text or cannot be seen';
