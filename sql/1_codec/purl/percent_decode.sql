-- purpose: undo percent-encoding
-- called by: parse_purl, purl_segment
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.percent_decode(p_text text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE -- an EXCEPTION block fails in parallel plans up to PostgreSQL 16
AS $$
DECLARE
    v_bytes pg_catalog.bytea := '';
    v_piece pg_catalog.text;
BEGIN
    IF p_text IS NULL OR p_text !~ '%' THEN
        RETURN p_text;
    END IF;
    IF p_text ~ '%([01][0-9A-Fa-f]|7[Ff])' THEN
        RETURN NULL;
    END IF;
    FOR v_piece IN SELECT m[1] FROM regexp_matches(p_text, '(%..|[^%]+)', 'g') AS m LOOP
        v_bytes := v_bytes || CASE WHEN starts_with(v_piece, '%')
            THEN decode(substr(v_piece, 2), 'hex') ELSE convert_to(v_piece, 'UTF8') END;
    END LOOP;
    RETURN convert_from(v_bytes, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire THEN
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.percent_decode(text) IS
'Text with %XX decoded as UTF-8; null when that is no UTF-8 or a control character';
