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

CREATE TABLE artifactstore.store_locks (
    backend text COLLATE "C" NOT NULL,
    uri text COLLATE "C" NOT NULL,
    mode text COLLATE "C",
    until timestamptz,
    hold boolean NOT NULL,
    applied_at timestamptz,
    problem text COLLATE "C",
    CONSTRAINT store_locks_pkey PRIMARY KEY (backend, uri),
    CONSTRAINT store_locks_mode_check CHECK (mode IN ('governance', 'compliance')),
    CONSTRAINT store_locks_until_check CHECK ((mode IS NULL) = (until IS NULL))
);

-- Asked by doctor: few of many.
CREATE INDEX store_locks_backend_problem_idx
    ON artifactstore.store_locks (backend, problem) WHERE problem IS NOT NULL;

COMMENT ON TABLE artifactstore.store_locks IS
'How objects are locked in stores that mirror retention, as the keeper set or saw it (state outside the log; '
'emptied, all is set again)';
COMMENT ON COLUMN artifactstore.store_locks.backend IS 'Store that holds the object';
COMMENT ON COLUMN artifactstore.store_locks.uri IS 'The object: store:<xx>/<id>';
COMMENT ON COLUMN artifactstore.store_locks.mode IS 'governance or compliance; null: no retention there';
COMMENT ON COLUMN artifactstore.store_locks.until IS 'End of its retention there, in whole seconds';
COMMENT ON COLUMN artifactstore.store_locks.hold IS 'Whether a legal hold is on there';
COMMENT ON COLUMN artifactstore.store_locks.applied_at IS
'When that was set or seen; null: somebody was about to change it, what is there is to be looked at';
COMMENT ON COLUMN artifactstore.store_locks.problem IS
'Why the lock is not what the log asks for: over-locked, or the code of the store; null: it is';
