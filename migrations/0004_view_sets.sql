-- Stored view sets: state of replay, outside the log.
-- depends: 0003_tokens

CREATE TABLE artifactstore.view_sets (
    schema_name text COLLATE "C" NOT NULL,
    purpose text NOT NULL,
    sequence bigint NOT NULL,
    log_id uuid,
    fingerprint bytea NOT NULL,
    digests jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    epoch_id uuid,
    identity bytea,
    CONSTRAINT view_sets_pkey PRIMARY KEY (schema_name),
    CONSTRAINT view_sets_purpose_check CHECK (purpose IN ('snapshot', 'past')),
    CONSTRAINT view_sets_sequence_check CHECK (sequence >= 0)
);
CREATE UNIQUE INDEX view_sets_snapshot_sequence_key
    ON artifactstore.view_sets (sequence) WHERE purpose = 'snapshot';

COMMENT ON TABLE artifactstore.view_sets IS
'View sets that are kept beside the live one: snapshots, and the past as somebody asked for it '
'(state outside the log, disposable)';
COMMENT ON COLUMN artifactstore.view_sets.schema_name IS 'Schema that holds its tables';
COMMENT ON COLUMN artifactstore.view_sets.purpose IS
'snapshot: a replay may begin from it; past: made by as-of, to be looked at';
COMMENT ON COLUMN artifactstore.view_sets.sequence IS 'Last event that it reflects, 0 for none';
COMMENT ON COLUMN artifactstore.view_sets.log_id IS 'Log that it was made from; null for an empty one';
COMMENT ON COLUMN artifactstore.view_sets.fingerprint IS
'artifactstore.fingerprint() of the projectors that made it';
COMMENT ON COLUMN artifactstore.view_sets.digests IS
'view → {rows, digest}, as artifactstore.digest_view_set gives it';
COMMENT ON COLUMN artifactstore.view_sets.created_at IS 'When it was made';
COMMENT ON COLUMN artifactstore.view_sets.epoch_id IS 'Epoch of the log at that event; null for none';
COMMENT ON COLUMN artifactstore.view_sets.identity IS
'Identity of that event (event_identity); null for none';
