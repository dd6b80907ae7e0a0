-- purpose: whether JSON escapes what no text can hold: refused here, before PostgreSQL raises
-- called by: cbor_encode
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.has_bad_escape(p_json text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- Escaped backslashes go first, then whole surrogate pairs; what is left of either kind is bad.
    SELECT strpos(p_json, '\u') > 0 AND regexp_replace(
            replace(p_json, '\\', ''),
            '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g'
        ) COLLATE "C" ~ '\\u(?:0000|[dD][89a-fA-F])';
$$;

COMMENT ON FUNCTION artifactstore.has_bad_escape(text) IS
'True if JSON text has an escape of U+0000 or of a lone surrogate';
