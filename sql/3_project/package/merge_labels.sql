-- purpose: labels after v1.package.labeled
-- called by: project_package_labeled, refusal_facts
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.merge_labels(p_labels jsonb, p_payload jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (p_labels - ARRAY(SELECT jsonb_array_elements_text(coalesce(p_payload -> 'unset', '[]'))))
        || coalesce(p_payload -> 'set', '{}')
$$;

COMMENT ON FUNCTION artifactstore.merge_labels(jsonb, jsonb) IS
'Labels without those of unset, then with those of set: a key in both is set';
