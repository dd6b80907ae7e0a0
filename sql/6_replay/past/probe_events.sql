-- purpose: for each command on a package, an event that only the state of the package can be in the way of
-- called by: package_commands
-- writes: nothing
--
-- What a client chooses is chosen so that it is never why: a new id and a free path, the count of the files
-- that are there, times that lie right. What the package lacks has that id too, the last one there is.
CREATE OR REPLACE FUNCTION artifactstore.probe_events(
    p_package_id uuid, p_sequence bigint, p_created_at timestamptz
)
RETURNS SETOF artifactstore.decoded_event
LANGUAGE sql STABLE
AS $$
    SELECT p_sequence, p_created_at, c.event_type, c.subject_id, 'nobody', c.payload
    FROM (
        SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid AS new_id,
            artifactstore.to_micros(p_created_at) AS now, 86400000000 AS day) n
    CROSS JOIN LATERAL (
        SELECT (
            SELECT f.file_id FROM artifact_files f
            WHERE f.package_id = p_package_id AND f.removed_at IS NULL ORDER BY f.path LIMIT 1) AS file_id, (
            SELECT h.hold_id FROM retention_holds h
            WHERE h.package_id = p_package_id AND h.released_at IS NULL
            ORDER BY h.created_sequence, h.hold_id LIMIT 1) AS hold_id, (
            SELECT artifactstore.to_micros(r.retain_until) FROM retention_state r
            WHERE r.package_id = p_package_id) AS retain_until) r
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE f.removed_at IS NULL) AS live,
            coalesce(sum(f.size) FILTER (WHERE f.removed_at IS NULL), 0) AS bytes,
            coalesce(max(f.last_sequence), 1) AS last
        FROM artifact_files f WHERE f.package_id = p_package_id) f
    CROSS JOIN LATERAL (VALUES
        (1, 'v1.file.ingested', n.new_id, jsonb_build_object('package_id', p_package_id, 'path', n.new_id,
            'size', 0, 'blake3', repeat('00', 32))),
        (2, 'v1.file.removed', coalesce(r.file_id, n.new_id), jsonb_build_object('package_id', p_package_id)),
        (3, 'v1.package.labeled', p_package_id, jsonb_build_object('set',
            jsonb_build_object(n.new_id, ''))),
        (4, 'v1.package.sealed', p_package_id, jsonb_build_object('manifest_digest', repeat('00', 32),
            'file_count', f.live, 'total_bytes', f.bytes, 'as_of', f.last)),
        (5, 'v1.package.yanked', p_package_id, '{}'),
        (6, 'v1.package.unyanked', p_package_id, '{}'),
        (7, 'v1.package.deleted', p_package_id, '{}'),
        (8, 'v1.package.restored', p_package_id, '{}'),
        (9, 'v1.package.purged', p_package_id, jsonb_build_object('file_count', f.live)),
        (10, 'v1.retention.applied', p_package_id, jsonb_build_object(
            'mode', 'governance', 'until', n.now + n.day)),
        (11, 'v1.retention.extended', p_package_id, jsonb_build_object(
            'from', coalesce(r.retain_until, n.now), 'to', coalesce(r.retain_until, n.now) + n.day)),
        (12, 'v1.retention.escalated', p_package_id, '{}'),
        (13, 'v1.retention.shortened', p_package_id, jsonb_build_object(
            'from', coalesce(r.retain_until, n.now), 'to', coalesce(r.retain_until, n.now) - n.day,
            'bypass_governance', true)),
        (14, 'v1.retention.hold_placed', p_package_id, jsonb_build_object(
            'hold_id', n.new_id, 'case', '', 'reason', '')),
        (15, 'v1.retention.hold_released', p_package_id, jsonb_build_object(
            'hold_id', coalesce(r.hold_id, n.new_id)))
    ) AS c (position, event_type, subject_id, payload)
    ORDER BY c.position
$$;

COMMENT ON FUNCTION artifactstore.probe_events(uuid, bigint, timestamptz) IS
'One event of each type that a package can get, with this sequence and time, made so that it is refused '
'for nothing but what the package is; removed is the first live file, released the oldest hold in force';
