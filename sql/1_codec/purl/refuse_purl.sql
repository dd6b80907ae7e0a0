-- purpose: refuse a text that is no purl, with what is wrong, where, and what was perhaps meant
-- called by: spell_purl, canonical_path, canonical_qualifiers, canonical_subpath, check_purl_parts,
--     check_purl_text, purl_segment
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_purl(
    p_problem text, p_part text, p_at integer DEFAULT NULL,
    p_character text DEFAULT NULL, p_meant text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_hex pg_catalog.text := upper(to_hex(ascii(p_character)) COLLATE "C");
    v_character pg_catalog.text := 'U+' || lpad(v_hex, greatest(length(v_hex), 4), '0');
BEGIN
    PERFORM artifactstore.refuse('invalid-purl', jsonb_strip_nulls(jsonb_build_object(
        'problem', p_problem
            || coalesce(' (character ' || p_at || coalesce(': ' || v_character, '') || ')', ''),
        'part', p_part, 'at', p_at, 'character', v_character, 'meant', p_meant)));
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_purl(text, text, integer, text, text) IS
'Raises invalid-purl. DETAIL: problem, part of the purl, at (character of the text, from 1), '
'character as U+XXXX, meant (a text that may be the purl that was meant)';
