-- purpose: what is wrong with a name that people find things by: it has one spelling, nothing hidden in it
-- called by: check_names, issue_token, policies_problem
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.name_problem(p_name text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN h.at > 0 THEN jsonb_build_object(
            'problem', 'a character that cannot be seen, or a control character', 'at', h.at,
            'character', 'U+' || lpad(h.hex, greatest(length(h.hex), 4), '0'))
        WHEN p_name IS NOT NFC NORMALIZED THEN
            '{"problem": "the name is not in Unicode normalization form C"}'
        END
    FROM (
        SELECT f.at, upper(to_hex(ascii(substr(p_name, f.at, 1)))) AS hex
        FROM artifactstore.hidden_character(p_name) f (at)) h
$$;

COMMENT ON FUNCTION artifactstore.name_problem(text) IS
'NULL for a name in NFC that holds nothing that cannot be seen, else problem, at (from 1) and character '
'(U+XXXX)';
