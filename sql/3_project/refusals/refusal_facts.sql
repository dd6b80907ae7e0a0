-- purpose: what whoever is refused must know to decide what to do next
-- called by: refuse_event, so only when something is refused
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refusal_facts(p_code text, p_event artifactstore.decoded_event)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_kind text := split_part(p_event.event_type, '.', 2);
    v_payload jsonb := p_event.payload;
    v_package_id uuid := CASE WHEN v_kind IN ('package', 'retention') THEN p_event.subject_id
        ELSE (v_payload ->> 'package_id')::uuid END;
    v_file_id uuid := CASE v_kind WHEN 'file' THEN p_event.subject_id
        ELSE (v_payload ->> 'file_id')::uuid END;
    -- Not of the row types of views: those of one view set would be kept for another.
    v_package record;
    v_file record;
    v_location record;
    v_epoch jsonb;
BEGIN
    IF p_code IN ('unknown-event-type', 'empty', 'nothing-to-do') THEN
        RETURN '{}';
    END IF;
    SELECT * INTO v_package FROM artifact_packages p WHERE p.package_id = v_package_id;
    SELECT * INTO v_file FROM artifact_files f WHERE f.file_id = v_file_id;
    SELECT * INTO v_location FROM storage_locations l WHERE l.location_id = p_event.subject_id;
    SELECT jsonb_build_object('log_id', g.log_id, 'epoch', g.epoch) INTO v_epoch
    FROM log_epochs g ORDER BY g.epoch DESC LIMIT 1;
    RETURN coalesce(jsonb_strip_nulls(CASE p_code
        WHEN 'not-found' THEN jsonb_build_object(
            'missing', CASE
                WHEN v_kind = 'system' THEN 'epoch'
                WHEN v_kind <> 'storage' AND v_package.package_id IS NULL THEN 'package'
                WHEN v_kind = 'file' OR p_event.event_type = 'v1.storage.registered' THEN 'file'
                WHEN v_kind = 'storage' THEN 'location'
                ELSE 'retention' END,
            'package_id', v_package_id, 'file_id', v_file_id)
        WHEN 'id-taken' THEN artifactstore.who_has_id(p_event)
        WHEN 'wrong-package' THEN jsonb_build_object(
            'package_id', coalesce(v_location.package_id, v_file.package_id),
            'file_id', coalesce(v_location.file_id, v_file.file_id))
        WHEN 'bad-subject' THEN jsonb_build_object(
            'log_id', coalesce(v_payload -> 'log_id', v_epoch -> 'log_id'))
        WHEN 'invalid-purl' THEN jsonb_build_object('purl', v_payload -> 'purl')
        WHEN 'name-taken' THEN (
            SELECT jsonb_build_object('purl', p.purl, 'package_id', p.package_id, 'state', p.state)
            FROM artifact_packages p WHERE p.purl = v_payload ->> 'purl')
        WHEN 'not-future' THEN jsonb_build_object(
            'until', artifactstore.show_time(artifactstore.from_micros(
                coalesce(v_payload -> 'until', v_payload #> '{retention,until}')::bigint)),
            'created_at', artifactstore.show_time(p_event.created_at))
        WHEN 'purged' THEN jsonb_build_object('purged_at', artifactstore.show_time(v_package.purged_at))
        WHEN 'not-open' THEN jsonb_build_object('package_id', v_package_id, 'state', v_package.state)
        WHEN 'wrong-state' THEN jsonb_build_object('state', v_package.state)
        WHEN 'no-change' THEN CASE v_kind
            WHEN 'storage' THEN jsonb_build_object('state', v_location.state,
                'retiring_at', artifactstore.show_time(v_location.retiring_at))
            ELSE jsonb_build_object('state', v_package.state, 'yanked', v_package.yanked) END
        WHEN 'too-large' THEN jsonb_build_object('limit', 256, 'labels', (
            SELECT count(*) FROM jsonb_object_keys(artifactstore.merge_labels(v_package.labels, v_payload))))
        WHEN 'manifest-changed' THEN (
            SELECT jsonb_build_object(
                'file_count', count(*) FILTER (WHERE f.removed_at IS NULL),
                'total_bytes', coalesce(sum(f.size) FILTER (WHERE f.removed_at IS NULL), 0),
                'as_of', max(f.last_sequence))
            FROM artifact_files f WHERE f.package_id = v_package_id)
        WHEN 'path-taken' THEN (
            SELECT jsonb_build_object('file_id', f.file_id, 'state', f.state, 'size', f.size,
                'blake3', encode(f.blake3, 'hex'))
            FROM artifact_files f
            WHERE f.package_id = v_package_id AND f.path = v_payload ->> 'path' AND f.removed_at IS NULL)
        WHEN 'gone' THEN jsonb_build_object('file_id', v_file_id, 'path', v_file.path, 'state', v_file.state,
            'removed_at', artifactstore.show_time(coalesce(v_file.removed_at, v_package.purged_at)))
        WHEN 'digest-mismatch' THEN jsonb_build_object(
            'file_id', v_file_id, 'size', v_file.size, 'blake3', encode(v_file.blake3, 'hex'))
        WHEN 'location-taken' THEN (
            SELECT jsonb_build_object('location_id', l.location_id, 'state', l.state)
            FROM storage_locations l
            WHERE l.file_id = v_file_id
                AND l.backend = v_payload ->> 'backend' AND l.uri = v_payload ->> 'uri'
                AND l.retired_at IS NULL)
        WHEN 'retired' THEN jsonb_build_object('outcome', v_location.retire_outcome,
            'retired_at', artifactstore.show_time(v_location.retired_at))
        WHEN 'last-good-copy' THEN jsonb_build_object('file_id', v_location.file_id, 'path', v_file.path,
            'backend', v_location.backend, 'uri', v_location.uri)
        WHEN 'already-initialized' THEN v_epoch
        WHEN 'wrong-epoch' THEN v_epoch
        WHEN 'request-mismatch' THEN (
            SELECT jsonb_build_object('key', r.key, 'first_sequence', r.first_sequence)
            FROM requests r WHERE r.actor = p_event.actor AND r.key = v_payload #>> '{request,key}')
        ELSE artifactstore.retention_facts(p_code, v_package_id, (v_payload ->> 'hold_id')::uuid)
    END), '{}');
END
$$;

COMMENT ON FUNCTION artifactstore.refusal_facts(text, artifactstore.decoded_event) IS
'For a refusal of p_event by the name p_code, what the views of the view set say about it: who has the name '
'or path, until when retention lasts, which holds there are; {} when there is nothing to tell';
