-- purpose: percent-encode as the canonical form of a purl does
-- called by: canonical_path, canonical_qualifiers, canonical_subpath, purl_segment
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.percent_encode(p_text text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF p_text ~ '^[A-Za-z0-9._~:-]*$' THEN
        RETURN p_text;
    END IF;
    RETURN (
        SELECT string_agg(CASE WHEN m.piece[1] IS NOT NULL THEN m.piece[1]
            ELSE upper(regexp_replace(
                encode(convert_to(m.piece[2], 'UTF8'), 'hex'), '(..)', '%\1', 'g') COLLATE "C")
            END, '' ORDER BY m.n)
        FROM regexp_matches(p_text, '([A-Za-z0-9._~:-]+)|([^A-Za-z0-9._~:-]+)', 'g')
            WITH ORDINALITY AS m (piece, n));
END
$$;

COMMENT ON FUNCTION artifactstore.percent_encode(text) IS
'Text with every byte but letters, digits and . - _ ~ : as %XX, upper-case';
