-- purpose: the rows of the files that are ingested
-- called by: project_file_ingested
-- writes: nothing
--
-- One query, which PostgreSQL puts into the statement that inserts.
CREATE OR REPLACE FUNCTION artifactstore.ingested_files(p_events artifactstore.decoded_event[])
RETURNS SETOF artifactstore.artifact_files
LANGUAGE sql STABLE
AS $$
    SELECT e.subject_id, (e.payload ->> 'package_id')::uuid,
        e.payload ->> 'path', (e.payload -> 'size')::bigint,
        decode(e.payload ->> 'blake3', 'hex'), decode(e.payload ->> 'sha256', 'hex'),
        e.payload ->> 'media_type', 'ingested', e.created_at, NULL::timestamptz, NULL::timestamptz,
        e.sequence, e.sequence, e.sequence
    FROM unnest(p_events) e
    WHERE (
            SELECT p.state FROM artifact_packages p
            WHERE p.package_id = (e.payload ->> 'package_id')::uuid) = 'open'
        AND e.payload ->> 'path' !~ E'^/|/$|//|(^|/)[.][.]?(/|$)|[\x01-\x1f\x7f]'
$$;

COMMENT ON FUNCTION artifactstore.ingested_files(artifactstore.decoded_event[]) IS
'A row for each v1.file.ingested whose package is open and whose path is one';
