-- Purls by the specification: the rules of each type.
-- depends: 0005_home

CREATE TABLE artifactstore.purl_types (
    type text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    namespace_case text COLLATE "C" NOT NULL,
    namespace_segments integer,
    name_case text COLLATE "C" NOT NULL,
    name_lower_at text COLLATE "C",
    name_spans boolean NOT NULL,
    name_characters text COLLATE "C",
    name_forbids text COLLATE "C",
    name_replaces text COLLATE "C",
    name_replacement text COLLATE "C",
    version_case text COLLATE "C" NOT NULL,
    version_characters text COLLATE "C",
    subpath_case text COLLATE "C" NOT NULL,
    qualifiers text[] COLLATE "C" NOT NULL,
    guids text[] COLLATE "C" NOT NULL,
    CONSTRAINT purl_types_pkey PRIMARY KEY (type),
    CONSTRAINT purl_types_namespace_check CHECK (namespace IN ('required', 'optional', 'prohibited')),
    CONSTRAINT purl_types_namespace_case_check CHECK (namespace_case IN ('keep', 'lower', 'upper')),
    CONSTRAINT purl_types_name_case_check CHECK (name_case IN ('keep', 'lower', 'upper')),
    CONSTRAINT purl_types_version_case_check CHECK (version_case IN ('keep', 'lower', 'upper')),
    CONSTRAINT purl_types_subpath_case_check CHECK (subpath_case IN ('keep', 'lower', 'upper'))
);

COMMENT ON TABLE artifactstore.purl_types IS
'Rules of each purl type, from the definitions of the purl specification; other types have none';
COMMENT ON COLUMN artifactstore.purl_types.type IS 'Type of the purl';
COMMENT ON COLUMN artifactstore.purl_types.namespace IS
'Whether a purl of the type has a namespace: required, optional or prohibited';
COMMENT ON COLUMN artifactstore.purl_types.namespace_case IS
'ASCII letters of the namespace: keep, lower or upper';
COMMENT ON COLUMN artifactstore.purl_types.namespace_segments IS 'Most segments that the namespace may have';
COMMENT ON COLUMN artifactstore.purl_types.name_case IS 'ASCII letters of the name: keep, lower or upper';
COMMENT ON COLUMN artifactstore.purl_types.name_lower_at IS
'Letters of the name are lower-case if the host of repository_url matches this';
COMMENT ON COLUMN artifactstore.purl_types.name_spans IS
'The namespace is the first segment alone, the name all that follow';
COMMENT ON COLUMN artifactstore.purl_types.name_characters IS 'What the canonical name must match';
COMMENT ON COLUMN artifactstore.purl_types.name_forbids IS 'What the canonical name must not match';
COMMENT ON COLUMN artifactstore.purl_types.name_replaces IS 'What is replaced in the name, after its case';
COMMENT ON COLUMN artifactstore.purl_types.name_replacement IS 'By what it is replaced';
COMMENT ON COLUMN artifactstore.purl_types.version_case IS
'ASCII letters of the version: keep, lower or upper';
COMMENT ON COLUMN artifactstore.purl_types.version_characters IS 'What the canonical version must match';
COMMENT ON COLUMN artifactstore.purl_types.subpath_case IS
'ASCII letters of the subpath: keep, lower or upper';
COMMENT ON COLUMN artifactstore.purl_types.qualifiers IS 'Qualifiers that a purl of the type must have';
COMMENT ON COLUMN artifactstore.purl_types.guids IS 'Qualifiers that are lower-case where they are a GUID';
