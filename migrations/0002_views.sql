-- The live view set: disposable tables that replay fills from the log.
-- depends: 0001_log

CREATE TABLE artifactstore.artifact_packages (
    package_id uuid NOT NULL,
    purl text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    namespace text COLLATE "C",
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C",
    media_type text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    prior_state text COLLATE "C",
    yanked boolean NOT NULL,
    producer text COLLATE "C" NOT NULL,
    labels jsonb NOT NULL,
    manifest_digest bytea,
    file_count integer,
    total_bytes bigint,
    created_at timestamptz NOT NULL,
    sealed_at timestamptz,
    deleted_at timestamptz,
    purged_at timestamptz,
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    CONSTRAINT artifact_packages_pkey PRIMARY KEY (package_id),
    CONSTRAINT artifact_packages_purl_key UNIQUE (purl),
    CONSTRAINT artifact_packages_state_check CHECK (state IN ('open', 'sealed', 'deleted', 'purged'))
) WITH (fillfactor = 70);

-- Packages are found by namespace.
CREATE INDEX artifact_packages_namespace_purl_idx ON artifactstore.artifact_packages (namespace, purl)
WHERE namespace IS NOT NULL;
-- Packages are found by labels. Without a list of entries to be merged later: no append waits for that.
CREATE INDEX artifact_packages_labels_idx ON artifactstore.artifact_packages
    USING gin (labels jsonb_path_ops) WITH (fastupdate = off);
-- For all_subjects: a package is its own subject, and a column cannot be searched by two equalities of one
-- query (PostgreSQL looks for an index for the first only), so the second one has another name for it.
CREATE UNIQUE INDEX artifact_packages_itself_key
    ON artifactstore.artifact_packages ((coalesce(package_id, package_id)));

COMMENT ON TABLE artifactstore.artifact_packages IS 'Packages as the log left them (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.artifact_packages.package_id IS 'Identity of the package (UUIDv7)';
COMMENT ON COLUMN artifactstore.artifact_packages.purl IS
'Package URL; never used twice, not even after a purge';
COMMENT ON COLUMN artifactstore.artifact_packages.type IS 'Type part of the purl';
COMMENT ON COLUMN artifactstore.artifact_packages.namespace IS 'Namespace part of the purl, percent-decoded';
COMMENT ON COLUMN artifactstore.artifact_packages.name IS 'Name part of the purl, percent-decoded';
COMMENT ON COLUMN artifactstore.artifact_packages.version IS 'Version part of the purl, percent-decoded';
COMMENT ON COLUMN artifactstore.artifact_packages.media_type IS 'Media type given at creation';
COMMENT ON COLUMN artifactstore.artifact_packages.state IS
'open → sealed → deleted → purged; deleted can be restored, purged is final';
COMMENT ON COLUMN artifactstore.artifact_packages.prior_state IS
'State to which a deleted package would be restored';
COMMENT ON COLUMN artifactstore.artifact_packages.yanked IS
'Sealed, still there, but should not be chosen anew';
COMMENT ON COLUMN artifactstore.artifact_packages.producer IS 'Actor that created the package';
COMMENT ON COLUMN artifactstore.artifact_packages.labels IS 'Labels, text to text';
COMMENT ON COLUMN artifactstore.artifact_packages.manifest_digest IS
'BLAKE3 of the canonical list of files; set by sealing';
COMMENT ON COLUMN artifactstore.artifact_packages.file_count IS 'Number of files; set by sealing';
COMMENT ON COLUMN artifactstore.artifact_packages.total_bytes IS 'Sum of file sizes in bytes; set by sealing';
COMMENT ON COLUMN artifactstore.artifact_packages.created_at IS 'When the package was created';
COMMENT ON COLUMN artifactstore.artifact_packages.sealed_at IS 'When it was sealed';
COMMENT ON COLUMN artifactstore.artifact_packages.deleted_at IS
'When it was deleted (null again after a restore)';
COMMENT ON COLUMN artifactstore.artifact_packages.purged_at IS 'When it was purged';
COMMENT ON COLUMN artifactstore.artifact_packages.created_sequence IS 'Event that made the row';
COMMENT ON COLUMN artifactstore.artifact_packages.last_sequence IS
'Latest event with this package as subject';

CREATE TABLE artifactstore.artifact_files (
    file_id uuid NOT NULL,
    package_id uuid NOT NULL,
    path text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    blake3 bytea NOT NULL,
    sha256 bytea,
    media_type text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    ingested_at timestamptz NOT NULL,
    last_verified_at timestamptz,
    removed_at timestamptz,
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    changed_sequence bigint NOT NULL,
    CONSTRAINT artifact_files_pkey PRIMARY KEY (file_id),
    CONSTRAINT artifact_files_state_check
        CHECK (state IN ('ingested', 'verified', 'corrupted', 'removed', 'purged'))
) WITH (fillfactor = 70);

-- The predicate is a column that only a removal changes: on state, each verification would lose its HOT
-- update.
CREATE UNIQUE INDEX artifact_files_package_id_path_key
    ON artifactstore.artifact_files (package_id, path) WHERE removed_at IS NULL;
-- All files of a package, and the removed ones alone: not partial, since the branches of a view are searched
-- by index only when they have no condition of their own.
CREATE INDEX artifact_files_package_id_removed_at_idx
    ON artifactstore.artifact_files (package_id, removed_at);
-- Page by page: a path as common as README.md, or a digest as that of the empty file, must not be sorted for
-- each page.
CREATE INDEX artifact_files_path_file_id_idx ON artifactstore.artifact_files (path, file_id);
CREATE INDEX artifact_files_blake3_file_id_idx ON artifactstore.artifact_files (blake3, file_id);
CREATE INDEX artifact_files_sha256_file_id_idx
    ON artifactstore.artifact_files (sha256, file_id) WHERE sha256 IS NOT NULL;

COMMENT ON TABLE artifactstore.artifact_files IS
'Files of packages as the log left them (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.artifact_files.file_id IS 'Identity of the file (UUIDv7)';
COMMENT ON COLUMN artifactstore.artifact_files.package_id IS 'Package that the file belongs to';
COMMENT ON COLUMN artifactstore.artifact_files.path IS
'Relative path in the package; unique while the file is not removed';
COMMENT ON COLUMN artifactstore.artifact_files.size IS 'Size in bytes';
COMMENT ON COLUMN artifactstore.artifact_files.blake3 IS 'BLAKE3 of the content, 32 bytes';
COMMENT ON COLUMN artifactstore.artifact_files.sha256 IS 'SHA-256 of the content, 32 bytes, when given';
COMMENT ON COLUMN artifactstore.artifact_files.media_type IS 'Media type, when given';
COMMENT ON COLUMN artifactstore.artifact_files.state IS
'From its locations: any verified → verified; any registered, or none ever known → ingested; '
'else, also when all are retired, corrupted. Or removed, purged';
COMMENT ON COLUMN artifactstore.artifact_files.ingested_at IS 'When the file was ingested';
COMMENT ON COLUMN artifactstore.artifact_files.last_verified_at IS
'When one of its locations was last verified';
COMMENT ON COLUMN artifactstore.artifact_files.removed_at IS
'When it was removed from the package, its path free again';
COMMENT ON COLUMN artifactstore.artifact_files.created_sequence IS 'Event that made the row';
COMMENT ON COLUMN artifactstore.artifact_files.last_sequence IS 'Latest event with this file as subject';
COMMENT ON COLUMN artifactstore.artifact_files.changed_sequence IS
'Latest event that changed anything in this row, whatever its subject: the version of the row';

CREATE TABLE artifactstore.storage_locations (
    location_id uuid NOT NULL,
    file_id uuid NOT NULL,
    package_id uuid NOT NULL,
    backend text COLLATE "C" NOT NULL,
    uri text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    failure text COLLATE "C",
    checks integer NOT NULL,
    failures integer NOT NULL,
    registered_at timestamptz NOT NULL,
    last_checked_at timestamptz,
    last_verified_at timestamptz,
    retiring_at timestamptz,
    retired_at timestamptz,
    retire_outcome text COLLATE "C",
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    changed_sequence bigint NOT NULL,
    CONSTRAINT storage_locations_pkey PRIMARY KEY (location_id),
    CONSTRAINT storage_locations_state_check
        CHECK (state IN ('registered', 'verified', 'failed', 'retiring', 'retired'))
) WITH (fillfactor = 70);

-- md5 would be smaller but not exact; file_id first, so a file's locations are one index range.
CREATE UNIQUE INDEX storage_locations_file_id_backend_uri_key
    ON artifactstore.storage_locations (file_id, backend, uri) WHERE retired_at IS NULL;
-- All copies of a package: its history, and making its rows equal to those of a rebuild.
CREATE INDEX storage_locations_package_id_idx ON artifactstore.storage_locations (package_id);
-- Bytes belong to (backend, uri): who else names them is asked before they are given up. Not partial: whether
-- they were ever named is asked, too. No column of it ever changes, so updates stay HOT.
CREATE INDEX storage_locations_backend_uri_idx ON artifactstore.storage_locations (backend, uri);
-- What is to be removed, by when it began to be. The predicate is not on state: its changes would not be HOT.
CREATE INDEX storage_locations_backend_retiring_at_location_id_idx
    ON artifactstore.storage_locations (backend, retiring_at, location_id)
    WHERE retiring_at IS NOT NULL AND retired_at IS NULL;

COMMENT ON TABLE artifactstore.storage_locations IS
'Where copies of files are stored, as the log left it (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.storage_locations.location_id IS 'Identity of the location (UUIDv7)';
COMMENT ON COLUMN artifactstore.storage_locations.file_id IS 'File of which this is a copy';
COMMENT ON COLUMN artifactstore.storage_locations.package_id IS 'Package of that file';
COMMENT ON COLUMN artifactstore.storage_locations.backend IS 'Storage backend, e.g. file, s3';
COMMENT ON COLUMN artifactstore.storage_locations.uri IS 'Where in the backend; compared byte by byte';
COMMENT ON COLUMN artifactstore.storage_locations.state IS
'registered, verified, failed, retiring (to be deleted) or retired';
COMMENT ON COLUMN artifactstore.storage_locations.failure IS
'Why the last check failed; null after a good one';
COMMENT ON COLUMN artifactstore.storage_locations.checks IS 'Number of checks, good and bad';
COMMENT ON COLUMN artifactstore.storage_locations.failures IS 'Number of failed checks';
COMMENT ON COLUMN artifactstore.storage_locations.registered_at IS 'When the copy was registered';
COMMENT ON COLUMN artifactstore.storage_locations.last_checked_at IS 'When it was last checked';
COMMENT ON COLUMN artifactstore.storage_locations.last_verified_at IS 'When it was last found good';
COMMENT ON COLUMN artifactstore.storage_locations.retiring_at IS
'When it began to be retiring; stays after that';
COMMENT ON COLUMN artifactstore.storage_locations.retired_at IS 'When it was retired';
COMMENT ON COLUMN artifactstore.storage_locations.retire_outcome IS
'What became of the copy: deleted, not_found, detached';
COMMENT ON COLUMN artifactstore.storage_locations.created_sequence IS 'Event that made the row';
COMMENT ON COLUMN artifactstore.storage_locations.last_sequence IS
'Latest event with this location as subject (at first: the event that made it)';
COMMENT ON COLUMN artifactstore.storage_locations.changed_sequence IS
'Latest event that changed anything in this row, whatever its subject: the version of the row';

CREATE TABLE artifactstore.retention_state (
    package_id uuid NOT NULL,
    mode text COLLATE "C" NOT NULL,
    retain_until timestamptz,
    policy text COLLATE "C",
    hold_count integer NOT NULL,
    extensions integer NOT NULL,
    last_actor text COLLATE "C" NOT NULL,
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    CONSTRAINT retention_state_pkey PRIMARY KEY (package_id),
    CONSTRAINT retention_state_mode_check CHECK (mode IN ('none', 'governance', 'compliance'))
) WITH (fillfactor = 70);

COMMENT ON TABLE artifactstore.retention_state IS
'How long each package must be kept, as the log left it (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.retention_state.package_id IS 'The package';
COMMENT ON COLUMN artifactstore.retention_state.mode IS
'none, governance (operators may bypass) or compliance (nobody may)';
COMMENT ON COLUMN artifactstore.retention_state.retain_until IS 'Destruction is refused before this instant';
COMMENT ON COLUMN artifactstore.retention_state.policy IS 'Name of the policy that it came from';
COMMENT ON COLUMN artifactstore.retention_state.hold_count IS 'Legal holds in force';
COMMENT ON COLUMN artifactstore.retention_state.extensions IS
'How often it was extended since it was applied';
COMMENT ON COLUMN artifactstore.retention_state.last_actor IS 'Who changed it last';
COMMENT ON COLUMN artifactstore.retention_state.created_sequence IS 'Event that made the row';
COMMENT ON COLUMN artifactstore.retention_state.last_sequence IS
'Latest retention event of this package (at first: its creation)';

CREATE TABLE artifactstore.retention_holds (
    package_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    case_ref text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    placed_by text COLLATE "C" NOT NULL,
    placed_at timestamptz NOT NULL,
    released_by text COLLATE "C",
    released_at timestamptz,
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    CONSTRAINT retention_holds_pkey PRIMARY KEY (package_id, hold_id)
);

-- Page by page, in the order in which they were placed: all holds, and those of a case.
CREATE INDEX retention_holds_created_sequence_idx ON artifactstore.retention_holds (created_sequence);
CREATE INDEX retention_holds_case_ref_created_sequence_idx
    ON artifactstore.retention_holds (case_ref, created_sequence);

COMMENT ON TABLE artifactstore.retention_holds IS
'Legal holds, in force and released (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.retention_holds.package_id IS 'The package held';
COMMENT ON COLUMN artifactstore.retention_holds.hold_id IS 'Identity of the hold within its package';
COMMENT ON COLUMN artifactstore.retention_holds.case_ref IS 'Case or matter that asks for it';
COMMENT ON COLUMN artifactstore.retention_holds.reason IS 'Why it was placed';
COMMENT ON COLUMN artifactstore.retention_holds.placed_by IS 'Who placed it';
COMMENT ON COLUMN artifactstore.retention_holds.placed_at IS 'When';
COMMENT ON COLUMN artifactstore.retention_holds.released_by IS 'Who released it; null while in force';
COMMENT ON COLUMN artifactstore.retention_holds.released_at IS 'When it was released; null while in force';
COMMENT ON COLUMN artifactstore.retention_holds.created_sequence IS 'Event that placed it';
COMMENT ON COLUMN artifactstore.retention_holds.last_sequence IS 'Event that placed or released it';

CREATE TABLE artifactstore.requests (
    actor text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    first_sequence bigint NOT NULL,
    events bigint NOT NULL,
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    CONSTRAINT requests_pkey PRIMARY KEY (actor, key)
);

COMMENT ON TABLE artifactstore.requests IS
'Idempotency keys that were used, and what they appended (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.requests.actor IS 'Who sent the request';
COMMENT ON COLUMN artifactstore.requests.key IS 'Idempotency key';
COMMENT ON COLUMN artifactstore.requests.digest IS 'BLAKE3 of the canonical request';
COMMENT ON COLUMN artifactstore.requests.first_sequence IS 'First event of the request';
COMMENT ON COLUMN artifactstore.requests.events IS 'Number of its events';
COMMENT ON COLUMN artifactstore.requests.created_sequence IS 'Event that carried the request';
COMMENT ON COLUMN artifactstore.requests.last_sequence IS 'The same: a request never changes';

CREATE TABLE artifactstore.log_epochs (
    epoch bigint NOT NULL,
    epoch_id uuid NOT NULL,
    log_id uuid NOT NULL,
    first_sequence bigint NOT NULL,
    reason text COLLATE "C",
    created_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    CONSTRAINT log_epochs_pkey PRIMARY KEY (epoch)
);

COMMENT ON TABLE artifactstore.log_epochs IS
'Generations of the log: one at its start, one more after each restore (view, rebuilt by replay)';
COMMENT ON COLUMN artifactstore.log_epochs.epoch IS 'Number of the generation, from 1';
COMMENT ON COLUMN artifactstore.log_epochs.epoch_id IS
'Random identity, so that two restores never share one';
COMMENT ON COLUMN artifactstore.log_epochs.log_id IS 'Identity of the log';
COMMENT ON COLUMN artifactstore.log_epochs.first_sequence IS 'First sequence that belongs to it';
COMMENT ON COLUMN artifactstore.log_epochs.reason IS 'Why the log was restored';
COMMENT ON COLUMN artifactstore.log_epochs.created_sequence IS 'Event that began it';
COMMENT ON COLUMN artifactstore.log_epochs.last_sequence IS 'The same: an epoch never changes';
