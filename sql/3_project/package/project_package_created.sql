-- purpose: v1.package.created
-- called by: project_events
-- writes: artifact_packages, retention_state
CREATE OR REPLACE FUNCTION artifactstore.project_package_created(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_purls artifactstore.purl_parts[] := ARRAY(
        SELECT artifactstore.parse_purl(e.payload ->> 'purl')
        FROM unnest(p_events) WITH ORDINALITY e ORDER BY e.ordinality);
    v_sequence bigint;
    v_code text;
    v_inserted bigint;
BEGIN
    SELECT c.sequence, c.code INTO v_sequence, v_code
    FROM (
        SELECT e.sequence, CASE
            WHEN (SELECT true FROM artifact_packages p WHERE p.package_id = e.subject_id) THEN 'id-taken'
            WHEN e.type IS NULL THEN 'invalid-purl'
            WHEN (SELECT true FROM artifact_packages p WHERE p.purl = e.payload ->> 'purl') THEN 'name-taken'
            WHEN artifactstore.from_micros((e.payload #> '{retention,until}')::bigint) <= e.created_at
                THEN 'not-future'
            END AS code
        FROM unnest(p_events, v_purls) e
    ) c
    WHERE c.code IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, v_code);
    END IF;

    INSERT INTO artifact_packages (package_id, purl, type, namespace, name, version, media_type,
        state, yanked, producer, labels, created_at, created_sequence, last_sequence)
    SELECT e.subject_id, e.payload ->> 'purl', e.type, e.namespace, e.name, e.version,
        e.payload ->> 'media_type', 'open', false, e.actor, coalesce(e.payload -> 'labels', '{}'),
        e.created_at, e.sequence, e.sequence
    FROM unnest(p_events, v_purls) e
    ORDER BY e.sequence
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted <> cardinality(p_events) THEN
        PERFORM artifactstore.refuse_event(p_events, p_events[1].sequence, 'name-taken');
    END IF;

    INSERT INTO retention_state (package_id, mode, retain_until, policy, hold_count, extensions, last_actor,
        created_sequence, last_sequence)
    SELECT e.subject_id, coalesce(e.payload #>> '{retention,mode}', 'none'),
        artifactstore.from_micros((e.payload #> '{retention,until}')::bigint),
        e.payload #>> '{retention,policy}', 0, 0, e.actor, e.sequence, e.sequence
    FROM unnest(p_events) e
    ORDER BY e.sequence;
END
$$;

COMMENT ON FUNCTION artifactstore.project_package_created(artifactstore.decoded_event[]) IS
'New open packages with their retention; refuses id-taken, invalid-purl, name-taken, not-future';
