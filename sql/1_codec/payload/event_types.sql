-- purpose: the catalogue of event types, generated from artifactstore/events/models.py
-- called by: migrate
-- writes: event_types
WITH common (fields) AS (
    VALUES ('{
        "request": {"type": "object", "required": false,
            "fields": {
                "key": {"type": "text", "required": true, "max": 255,
                    "doc": "idempotency key, unique per actor"},
                "digest": {"type": "hash", "required": true,
                    "doc": "BLAKE3 of the canonical request"},
                "events": {"type": "int", "required": true, "min": 1, "max": 1000000,
                    "doc": "number of events of the request"}},
            "doc": "idempotency: the request of which this is the first event"},
        "on_behalf_of": {"type": "text", "required": false, "max": 255,
            "doc": "actor for whom the actor acts"},
        "reason": {"type": "text", "required": false, "max": 1024, "doc": "why"}}'::jsonb)
), catalogue (event_type, subject_kind, min_role, destructive, lane, description, fields) AS (
    VALUES
    ('v1.package.created', 'package', 'writer', false, 'package',
     'A package was created, open for files',
     '{
        "purl": {"type": "text", "required": true, "max": 1024,
            "doc": "package URL, never used before"},
        "labels": {"type": "map", "required": false, "max_items": 256, "key_max": 128,
            "value_max": 1024, "doc": "labels, text to text"},
        "retention": {"type": "object", "required": false,
            "fields": {
                "mode": {"type": "text", "required": true, "enum": ["governance", "compliance"],
                    "doc": "who may bypass: operators, or nobody"},
                "until": {"type": "time", "required": true, "doc": "keep until"},
                "policy": {"type": "text", "required": false, "max": 255,
                    "doc": "name of the policy it comes from"}},
            "doc": "retention from the start"},
        "media_type": {"type": "text", "required": false, "max": 255,
            "doc": "media type of the package"}}'::jsonb),
    ('v1.package.labeled', 'package', 'writer', false, 'label',
     'Labels of a package were set or unset',
     '{
        "set": {"type": "map", "required": false, "max_items": 256, "key_max": 128,
            "value_max": 1024, "doc": "labels to set"},
        "unset": {"type": "list", "required": false, "max_items": 256,
            "items": {"type": "text", "max": 128}, "doc": "labels to remove"}}'::jsonb),
    ('v1.package.sealed', 'package', 'writer', false, 'package',
     'A package was sealed: its files are final',
     '{
        "as_of": {"type": "int", "required": true,
            "doc": "highest last_sequence of its files when they were read"},
        "file_count": {"type": "int", "required": true, "doc": "number of files"},
        "total_bytes": {"type": "int", "required": true, "doc": "sum of their sizes"},
        "manifest_digest": {"type": "hash", "required": true,
            "doc": "BLAKE3 of canonical CBOR [[path, size, blake3], …] of its files, ascending by '
             'path bytes"}}'::jsonb),
    ('v1.package.yanked', 'package', 'writer', false, 'label',
     'A sealed package was marked as not to be chosen anew',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"}}'::jsonb),
    ('v1.package.unyanked', 'package', 'writer', false, 'label',
     'A yank was taken back',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"}}'::jsonb),
    ('v1.package.deleted', 'package', 'writer', true, 'package',
     'A package was deleted; it can be restored',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "bypass_governance": {"type": "bool", "required": false,
            "doc": "override governance retention (operators only)"}}'::jsonb),
    ('v1.package.restored', 'package', 'writer', false, 'package',
     'A deleted package was restored',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"}}'::jsonb),
    ('v1.package.purged', 'package', 'writer', true, 'package',
     'A deleted package was purged for good: its copies are to be removed',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "file_count": {"type": "int", "required": true, "doc": "number of files purged with it"},
        "bypass_governance": {"type": "bool", "required": false,
            "doc": "override governance retention (operators only)"}}'::jsonb),
    ('v1.file.ingested', 'file', 'writer', false, 'file',
     'A file was added to an open package',
     '{
        "path": {"type": "text", "required": true, "max": 1024,
            "doc": "relative path, / between segments"},
        "size": {"type": "int", "required": true, "doc": "size in bytes"},
        "blake3": {"type": "hash", "required": true, "doc": "BLAKE3 of the content"},
        "sha256": {"type": "hash", "required": false, "doc": "SHA-256 of the content"},
        "locations": {"type": "list", "required": false, "max_items": 256,
            "items": {"type": "object",
                "fields": {
                    "uri": {"type": "text", "required": true, "max": 2048,
                        "doc": "where in the backend"},
                    "backend": {"type": "text", "required": true, "max": 64,
                        "doc": "storage backend"},
                    "location_id": {"type": "id", "required": true,
                        "doc": "identity of the location"}}},
            "doc": "where copies are stored already"},
        "media_type": {"type": "text", "required": false, "max": 255, "doc": "media type"},
        "package_id": {"type": "id", "required": true, "doc": "package that it belongs to"}}'::jsonb),
    ('v1.file.removed', 'file', 'writer', true, 'package',
     'A file was removed from an open package',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "package_id": {"type": "id", "required": true, "doc": "package that it belongs to"},
        "bypass_governance": {"type": "bool", "required": false,
            "doc": "override governance retention (operators only)"}}'::jsonb),
    ('v1.storage.registered', 'storage', 'writer', false, 'file',
     'A copy of a file was registered',
     '{
        "uri": {"type": "text", "required": true, "max": 2048, "doc": "where in the backend"},
        "size": {"type": "int", "required": true, "doc": "size in bytes, equal to the file''s"},
        "blake3": {"type": "hash", "required": true, "doc": "BLAKE3, equal to the file''s"},
        "backend": {"type": "text", "required": true, "max": 64, "doc": "storage backend"},
        "file_id": {"type": "id", "required": true, "doc": "file of which it is a copy"},
        "package_id": {"type": "id", "required": true, "doc": "package of the file"}}'::jsonb),
    ('v1.storage.verified', 'storage', 'writer', false, 'file',
     'A copy was checked and found good',
     '{
        "method": {"type": "text", "required": true, "enum": ["full_read", "backend_checksum"],
            "doc": "how it was checked"},
        "file_id": {"type": "id", "required": true, "doc": "file of which it is a copy"},
        "package_id": {"type": "id", "required": true, "doc": "package of the file"}}'::jsonb),
    ('v1.storage.failed', 'storage', 'writer', false, 'file',
     'A copy was checked and found bad or missing',
     '{
        "failure": {"type": "text", "required": true,
            "enum": ["missing", "size_mismatch", "digest_mismatch", "unreachable"],
            "doc": "what was wrong"},
        "file_id": {"type": "id", "required": true, "doc": "file of which it is a copy"},
        "package_id": {"type": "id", "required": true, "doc": "package of the file"},
        "observed_size": {"type": "int", "required": false, "doc": "size that was found"},
        "observed_blake3": {"type": "hash", "required": false, "doc": "BLAKE3 that was found"}}'::jsonb),
    ('v1.storage.retiring', 'storage', 'operator', false, 'file',
     'A copy is to go: its bytes are to be removed',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "file_id": {"type": "id", "required": true, "doc": "file of which it is a copy"},
        "package_id": {"type": "id", "required": true, "doc": "package of the file"}}'::jsonb),
    ('v1.storage.retired', 'storage', 'writer', false, 'file',
     'A copy is no longer kept',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "file_id": {"type": "id", "required": true, "doc": "file of which it is a copy"},
        "outcome": {"type": "text", "required": true,
            "enum": ["deleted", "not_found", "detached"], "doc": "what became of it"},
        "package_id": {"type": "id", "required": true, "doc": "package of the file"}}'::jsonb),
    ('v1.retention.applied', 'retention', 'writer', false, 'retention',
     'A package must be kept until an instant',
     '{
        "mode": {"type": "text", "required": true, "enum": ["governance", "compliance"],
            "doc": "who may bypass: operators, or nobody"},
        "until": {"type": "time", "required": true, "doc": "keep until"},
        "policy": {"type": "text", "required": false, "max": 255,
            "doc": "name of the policy it comes from"}}'::jsonb),
    ('v1.retention.extended', 'retention', 'writer', false, 'retention',
     'Retention was made longer',
     '{
        "to": {"type": "time", "required": true, "doc": "retain_until after"},
        "from": {"type": "time", "required": true, "doc": "retain_until before"}}'::jsonb),
    ('v1.retention.escalated', 'retention', 'writer', false, 'retention',
     'Governance became compliance',
     '{}'::jsonb),
    ('v1.retention.shortened', 'retention', 'operator', false, 'retention',
     'Governance retention was made shorter',
     '{
        "to": {"type": "time", "required": true, "doc": "retain_until after"},
        "from": {"type": "time", "required": true, "doc": "retain_until before"},
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "bypass_governance": {"type": "bool", "required": true, "const": true,
            "doc": "says that governance is bypassed (operators only)"}}'::jsonb),
    ('v1.retention.hold_placed', 'retention', 'writer', false, 'retention',
     'A legal hold was placed on a package',
     '{
        "case": {"type": "text", "required": true, "max": 255,
            "doc": "case or matter that asks for it"},
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "hold_id": {"type": "id", "required": true, "doc": "identity of the hold"}}'::jsonb),
    ('v1.retention.hold_released', 'retention', 'writer', false, 'retention',
     'A legal hold was released',
     '{
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "hold_id": {"type": "id", "required": true, "doc": "identity of the hold"}}'::jsonb),
    ('v1.system.initialized', 'system', 'operator', false, 'package',
     'The log began',
     '{
        "epoch": {"type": "int", "required": true, "min": 1, "max": 1,
            "doc": "generation of the log"},
        "log_id": {"type": "id", "required": true, "doc": "identity of the log"},
        "epoch_id": {"type": "id", "required": true, "doc": "random identity of the epoch"},
        "payload_profile": {"type": "text", "required": true, "enum": ["AS-CBOR/1"],
            "doc": "profile of all payloads"}}'::jsonb),
    ('v1.system.restored', 'system', 'operator', false, 'package',
     'The log was restored: a new epoch begins',
     '{
        "epoch": {"type": "int", "required": true, "min": 2,
            "doc": "new generation, the one before + 1"},
        "reason": {"type": "text", "required": true, "max": 1024, "doc": "why"},
        "epoch_id": {"type": "id", "required": true, "doc": "random identity of the epoch"},
        "from_sequence": {"type": "int", "required": true, "doc": "head after the restore"}}'::jsonb),
    ('v1.system.token_issued', 'system', 'operator', false, 'package',
     'An access token was issued',
     '{
        "roles": {"type": "list", "required": false, "max_items": 16,
            "items": {"type": "text", "max": 64}, "doc": "roles that it gives"},
        "expires": {"type": "time", "required": false, "doc": "when it ends"},
        "token_id": {"type": "id", "required": true, "doc": "identity of the token"}}'::jsonb),
    ('v1.system.token_revoked', 'system', 'operator', false, 'package',
     'An access token was revoked',
     '{
        "roles": {"type": "list", "required": false, "max_items": 16,
            "items": {"type": "text", "max": 64}, "doc": "roles that it gave"},
        "expires": {"type": "time", "required": false, "doc": "when it would have ended"},
        "token_id": {"type": "id", "required": true, "doc": "identity of the token"}}'::jsonb)
), upserted AS (
    INSERT INTO artifactstore.event_types AS t
        (event_type, subject_kind, min_role, destructive, lane, description, fields, shape)
    SELECT c.event_type, c.subject_kind, c.min_role, c.destructive, c.lane, c.description,
        common.fields || c.fields, artifactstore.fields_shape(common.fields || c.fields)
    FROM catalogue c, common
    ON CONFLICT (event_type) DO UPDATE SET
        subject_kind = excluded.subject_kind, min_role = excluded.min_role,
        destructive = excluded.destructive, lane = excluded.lane,
        description = excluded.description, fields = excluded.fields, shape = excluded.shape
    RETURNING t.event_type
)
DELETE FROM artifactstore.event_types t
WHERE NOT EXISTS (SELECT FROM catalogue c WHERE c.event_type = t.event_type);
