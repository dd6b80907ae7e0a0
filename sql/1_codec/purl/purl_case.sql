-- purpose: the case rule of a part of a purl
-- called by: canonical_path, canonical_subpath
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.purl_case(p_text text, p_case text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE p_case
        WHEN 'lower' THEN lower(p_text COLLATE "C")
        WHEN 'upper' THEN upper(p_text COLLATE "C")
        ELSE p_text END
$$;

COMMENT ON FUNCTION artifactstore.purl_case(text, text) IS
'Text with its ASCII letters as p_case says: keep, lower or upper; other letters stay, in every locale';
