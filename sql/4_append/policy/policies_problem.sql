-- purpose: rules of retention that cannot be meant
-- called by: check_door
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.policies_problem(p_rules jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object('field', format('rules[%s].%s', r.place - 1, c.field), 'problem', c.problem)
    FROM jsonb_array_elements(p_rules) WITH ORDINALITY AS r (rule, place),
    LATERAL (
        SELECT 'name', format('%s is the name of another rule, too', r.rule ->> 'name')
        WHERE EXISTS (
            SELECT FROM jsonb_array_elements(p_rules) WITH ORDINALITY AS o (rule, place)
            WHERE o.place < r.place AND o.rule -> 'name' = r.rule -> 'name')
        UNION ALL
        SELECT 'name', artifactstore.name_problem(r.rule ->> 'name') ->> 'problem'
        UNION ALL
        SELECT 'purl_type', 'no purl has a type like this: letters, digits, . and -, in lower case'
        WHERE r.rule ->> 'purl_type' !~ '^[a-z][a-z0-9.-]*$'
        UNION ALL
        SELECT 'purl_prefix', 'no canonical purl begins so: it begins with pkg:, type and /'
        WHERE r.rule ->> 'purl_prefix' !~ '^pkg:[a-z][a-z0-9.-]*/'
        UNION ALL
        SELECT 'labels.' || k.key, artifactstore.name_problem(k.key) ->> 'problem'
        FROM jsonb_object_keys(coalesce(r.rule -> 'labels', '{}')) k (key)
        UNION ALL
        SELECT 'name', format('rule %s fits all that this one does, and comes before it', o.rule ->> 'name')
        FROM jsonb_array_elements(p_rules) WITH ORDINALITY AS o (rule, place)
        WHERE o.place < r.place
            AND coalesce(o.rule -> 'purl_type' = r.rule -> 'purl_type', NOT o.rule ? 'purl_type')
            AND coalesce(starts_with(r.rule ->> 'purl_prefix', o.rule ->> 'purl_prefix'),
                NOT o.rule ? 'purl_prefix')
            AND coalesce(o.rule -> 'media_type' = r.rule -> 'media_type', NOT o.rule ? 'media_type')
            AND coalesce(r.rule -> 'labels', '{}') @> coalesce(o.rule -> 'labels', '{}')) c (field, problem)
    WHERE c.problem IS NOT NULL
    ORDER BY r.place LIMIT 1
$$;

COMMENT ON FUNCTION artifactstore.policies_problem(jsonb) IS
'The first rule of v1.system.policies_set that has a name twice, a type or prefix that no purl has, a name '
'that cannot be seen, or that is never reached: {field, problem}; null if there is none';
