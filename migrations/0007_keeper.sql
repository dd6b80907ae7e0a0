-- What the keeper of stores did: state outside the log.
-- depends: 0006_purl_types

CREATE TABLE artifactstore.keeper_runs (
    run_id uuid NOT NULL,
    store text COLLATE "C" NOT NULL,
    job text COLLATE "C" NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    counts jsonb,
    problem text COLLATE "C",
    CONSTRAINT keeper_runs_pkey PRIMARY KEY (run_id),
    CONSTRAINT keeper_runs_job_check
        CHECK (job IN ('remove', 'collect', 'check', 'repair', 'replicate', 'lock'))
);

CREATE INDEX keeper_runs_store_job_began_at_idx ON artifactstore.keeper_runs (store, job, began_at);

COMMENT ON TABLE artifactstore.keeper_runs IS
'Passes of the keeper over stores, the latest hundred of each job and store (state outside the log)';
COMMENT ON COLUMN artifactstore.keeper_runs.run_id IS 'Identity of the pass (UUIDv7)';
COMMENT ON COLUMN artifactstore.keeper_runs.store IS 'Store that it was over: the backend of locations';
COMMENT ON COLUMN artifactstore.keeper_runs.job IS
'remove, collect, check, repair, replicate or lock';
COMMENT ON COLUMN artifactstore.keeper_runs.began_at IS 'When it began';
COMMENT ON COLUMN artifactstore.keeper_runs.ended_at IS
'When it ended; null while it runs, or when it was cut off';
COMMENT ON COLUMN artifactstore.keeper_runs.counts IS 'What it did, by name';
COMMENT ON COLUMN artifactstore.keeper_runs.problem IS 'Why it did not get to its end; null if it did';
