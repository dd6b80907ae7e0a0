-- Access tokens of the service: state outside the log, since the log is for everybody who may read it.
-- depends: 0002_views

CREATE TABLE artifactstore.tokens (
    token_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    actor text COLLATE "C" NOT NULL,
    roles text[] NOT NULL,
    issued_sequence bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text COLLATE "C" NOT NULL,
    expires_at timestamptz,
    revoked_sequence bigint,
    revoked_at timestamptz,
    CONSTRAINT tokens_pkey PRIMARY KEY (token_id),
    CONSTRAINT tokens_secret_hash_check CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT tokens_actor_check CHECK (octet_length(actor) BETWEEN 1 AND 255),
    CONSTRAINT tokens_roles_check
        CHECK (cardinality(roles) > 0 AND roles <@ ARRAY['reader', 'producer', 'operator'])
);
COMMENT ON TABLE artifactstore.tokens IS
'Access tokens of the service (state outside the log; only functions for the role service read it)';
COMMENT ON COLUMN artifactstore.tokens.token_id IS 'Identity of the token, the public part of its text';
COMMENT ON COLUMN artifactstore.tokens.secret_hash IS
'BLAKE3 of the secret part of its text (256 random bits)';
COMMENT ON COLUMN artifactstore.tokens.actor IS 'Actor of the events that are appended with it';
COMMENT ON COLUMN artifactstore.tokens.roles IS
'What it allows: reader, producer, operator; the highest counts';
COMMENT ON COLUMN artifactstore.tokens.issued_sequence IS 'Event that issued it';
COMMENT ON COLUMN artifactstore.tokens.issued_at IS 'When it was issued';
COMMENT ON COLUMN artifactstore.tokens.issued_by IS 'Actor who issued it';
COMMENT ON COLUMN artifactstore.tokens.expires_at IS 'When it ends; null: never';
COMMENT ON COLUMN artifactstore.tokens.revoked_sequence IS 'Event that revoked it; null while it is good';
COMMENT ON COLUMN artifactstore.tokens.revoked_at IS 'When it was revoked';
