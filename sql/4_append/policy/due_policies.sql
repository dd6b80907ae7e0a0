-- purpose: the retention that rules give packages which are about to be created
-- called by: role service (Writes.append, Writes.append_commands), append_json
-- writes: nothing
--
-- The event says what applied, so that replay needs no rules, and an auditor none either. Who fills it in
-- does so before the lock is taken; check_policies sees that nothing slipped through in between.
CREATE OR REPLACE FUNCTION artifactstore.due_policies(
    p_purls text[], p_labels jsonb[], p_media_types text[]
)
RETURNS TABLE ("position" integer, mode text, until timestamptz, policy text)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM artifactstore.retention_policies) THEN
        -- Days of 24 hours, whatever the time zone of the session.
        RETURN QUERY
        SELECT p.n::integer, f.mode, clock_timestamp() + f.days * interval '24 hours', f.name
        FROM unnest(p_purls, p_labels, p_media_types) WITH ORDINALITY AS p (purl, labels, media_type, n),
            LATERAL artifactstore.fitting_policy(p.purl, p.labels, p.media_type) f;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.due_policies(text[], jsonb[], text[]) IS
'Mode, end and name of the retention that the rules give packages of these canonical purls, labels and media '
'types if they are created now; no row for a position that no rule fits';
