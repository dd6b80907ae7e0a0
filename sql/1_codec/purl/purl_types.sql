-- purpose: what the purl specification says of each type; made by scripts/purl-types from its definitions
-- called by: migrate
-- writes: purl_types
WITH types (
    type, namespace, namespace_case, namespace_segments, name_case, name_lower_at,
    name_spans, name_characters, name_forbids, name_replaces, name_replacement, version_case,
    version_characters, subpath_case, qualifiers, guids
) AS (
    VALUES
    ('alpm', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('apk', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('bazel', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('bitbucket', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('bitnami', 'prohibited', 'keep', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('brew', 'optional', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('cargo', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('chrome-extension', 'prohibited', 'keep', NULL, 'lower', NULL, false, '^[a-p]{32}$', NULL, NULL, NULL, 'keep', '^[0-9]+(\.[0-9]+){0,3}$', 'keep', '{}'::text[], '{}'::text[]),
    ('cocoapods', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, '[ +]|^[.]', NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('composer', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('conan', 'optional', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('conda', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('cpan', 'optional', 'upper', NULL, 'keep', NULL, false, NULL, '::', NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('cran', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('deb', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('docker', 'optional', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('gem', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('generic', 'optional', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('git', 'required', 'keep', NULL, 'keep', NULL, true, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('github', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('golang', 'required', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('hackage', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, '_', '-', 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('hex', 'optional', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('huggingface', 'required', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'lower', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('julia', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{uuid}'::text[], '{}'::text[]),
    ('luarocks', 'optional', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('maven', 'required', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('mlflow', 'prohibited', 'keep', NULL, 'keep', 'databricks', false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('npm', 'optional', 'keep', NULL, 'keep', NULL, false, NULL, '/', NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('nuget', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('oci', 'prohibited', 'keep', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'lower', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('opam', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('otp', 'prohibited', 'keep', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'lower', '{}'::text[], '{}'::text[]),
    ('pub', 'prohibited', 'keep', NULL, 'lower', NULL, false, '^[a-z0-9_]', NULL, '[^a-z0-9_]', '_', 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('pypi', 'prohibited', 'keep', NULL, 'lower', NULL, false, NULL, NULL, '_', '-', 'lower', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('qpkg', 'required', 'lower', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('rpm', 'required', 'lower', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('swid', 'optional', 'keep', 2, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{tag_id}'::text[], '{tag_id}'::text[]),
    ('swift', 'required', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('vcpkg', 'prohibited', 'keep', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('vscode-extension', 'required', 'lower', NULL, 'lower', NULL, false, NULL, NULL, NULL, NULL, 'lower', NULL, 'keep', '{}'::text[], '{}'::text[]),
    ('yocto', 'optional', 'lower', NULL, 'keep', NULL, false, NULL, NULL, NULL, NULL, 'keep', NULL, 'keep', '{}'::text[], '{}'::text[])
), upserted AS (
    INSERT INTO artifactstore.purl_types AS t (
    type, namespace, namespace_case, namespace_segments, name_case, name_lower_at,
    name_spans, name_characters, name_forbids, name_replaces, name_replacement, version_case,
    version_characters, subpath_case, qualifiers, guids)
    SELECT * FROM types
    ON CONFLICT (type) DO UPDATE SET
        namespace = excluded.namespace,
        namespace_case = excluded.namespace_case,
        namespace_segments = excluded.namespace_segments,
        name_case = excluded.name_case,
        name_lower_at = excluded.name_lower_at,
        name_spans = excluded.name_spans,
        name_characters = excluded.name_characters,
        name_forbids = excluded.name_forbids,
        name_replaces = excluded.name_replaces,
        name_replacement = excluded.name_replacement,
        version_case = excluded.version_case,
        version_characters = excluded.version_characters,
        subpath_case = excluded.subpath_case,
        qualifiers = excluded.qualifiers,
        guids = excluded.guids
    RETURNING t.type
)
DELETE FROM artifactstore.purl_types t WHERE NOT EXISTS (SELECT FROM types c WHERE c.type = t.type);
