-- What was applied to this database, and by which software: state of migrate, outside the log.
-- depends:

CREATE TABLE artifactstore.applied_migrations (
    migration_id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    version text NOT NULL,
    CONSTRAINT applied_migrations_pkey PRIMARY KEY (migration_id),
    CONSTRAINT applied_migrations_digest_check CHECK (octet_length(digest) = 32)
);
COMMENT ON TABLE artifactstore.applied_migrations IS
'Which files of migrations/ made this schema (state outside the log)';
COMMENT ON COLUMN artifactstore.applied_migrations.migration_id IS 'File name without suffix';
COMMENT ON COLUMN artifactstore.applied_migrations.digest IS
'SHA-256 of the text of the file, line ends as LF';
COMMENT ON COLUMN artifactstore.applied_migrations.applied_at IS 'When it was applied';
COMMENT ON COLUMN artifactstore.applied_migrations.applied_by IS 'Login that applied it';
COMMENT ON COLUMN artifactstore.applied_migrations.version IS 'Version of the software that applied it';

CREATE TABLE artifactstore.software (
    version text NOT NULL,
    projectors bytea NOT NULL,
    migrated_at timestamptz NOT NULL,
    viewed_by bytea
);
CREATE UNIQUE INDEX software_one_row_idx ON artifactstore.software ((true));
COMMENT ON TABLE artifactstore.software IS
'One row: the software that migrated this database last (state outside the log)';
COMMENT ON COLUMN artifactstore.software.version IS 'Its version; older software refuses to migrate or write';
COMMENT ON COLUMN artifactstore.software.projectors IS 'SHA-256 of the projectors that are installed';
COMMENT ON COLUMN artifactstore.software.migrated_at IS 'When it last migrated';
COMMENT ON COLUMN artifactstore.software.viewed_by IS
'SHA-256 of the projectors that made the live views; another one until a replay made them new';
