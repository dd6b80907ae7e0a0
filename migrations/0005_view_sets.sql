-- Stored view sets, and which projectors made the live one: state of replay, outside the log.
-- depends: 0004_lookups

CREATE TABLE artifactstore.view_sets (
    schema_name text COLLATE "C" NOT NULL,
    purpose text NOT NULL,
    sequence bigint NOT NULL,
    head_digest bytea,
    log_id uuid,
    fingerprint bytea NOT NULL,
    digests jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT view_sets_pkey PRIMARY KEY (schema_name),
    CONSTRAINT view_sets_purpose_check CHECK (purpose IN ('snapshot', 'past')),
    CONSTRAINT view_sets_sequence_check CHECK (sequence >= 0)
);
CREATE UNIQUE INDEX view_sets_snapshot_sequence_key ON artifactstore.view_sets (sequence) WHERE purpose = 'snapshot';

COMMENT ON TABLE artifactstore.view_sets IS 'View sets that are kept beside the live one: snapshots, and the past as somebody asked for it (state outside the log, disposable)';
COMMENT ON COLUMN artifactstore.view_sets.schema_name IS 'Schema that holds its tables';
COMMENT ON COLUMN artifactstore.view_sets.purpose IS 'snapshot: a replay may begin from it; past: made by as-of, to be looked at';
COMMENT ON COLUMN artifactstore.view_sets.sequence IS 'Last event that it reflects, 0 for none';
COMMENT ON COLUMN artifactstore.view_sets.head_digest IS 'payload_digest of that event; null for none';
COMMENT ON COLUMN artifactstore.view_sets.log_id IS 'Log that it was made from; null for an empty one';
COMMENT ON COLUMN artifactstore.view_sets.fingerprint IS 'artifactstore.fingerprint() of the projectors that made it';
COMMENT ON COLUMN artifactstore.view_sets.digests IS 'view → {rows, digest}, as artifactstore.digest_view_set gives it';
COMMENT ON COLUMN artifactstore.view_sets.created_at IS 'When it was made';

DROP FUNCTION IF EXISTS artifactstore.replay(), artifactstore.compare_view_sets(text, text),
    artifactstore.create_view_set(text), artifactstore.primary_key(text);

ALTER TABLE artifactstore.software ADD COLUMN viewed_by bytea;
UPDATE artifactstore.software SET viewed_by = projectors;
COMMENT ON COLUMN artifactstore.software.projectors IS 'SHA-256 of the projectors that are installed';
COMMENT ON COLUMN artifactstore.software.viewed_by IS 'SHA-256 of the projectors that made the live views; another one until a replay made them new';

-- All copies of a package: its history, and making its rows equal to those of a rebuild.
CREATE INDEX storage_locations_package_id_idx ON artifactstore.storage_locations (package_id);
