-- The log: the only source of truth, and the tables that say what may be written to it.
-- depends:

-- Every statement that inserts reads these CHECKs from the text of their trees, which takes longer than to
-- ask them: they have the form that makes the smallest one, a range of lengths and an array of words.
CREATE TABLE artifactstore.events (
    sequence bigint NOT NULL,
    created_at timestamptz NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    subject_kind text COLLATE "C" NOT NULL,
    subject_id uuid,
    actor text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    payload_digest bytea NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (sequence),
    CONSTRAINT events_sequence_check CHECK (sequence >= 1),
    CONSTRAINT events_created_at_check
        CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT events_event_type_check
        CHECK (event_type ~ '^v[1-9][0-9]*\.[a-z_]+\.[a-z_]+$' AND octet_length(event_type) <= 64),
    CONSTRAINT events_subject_kind_check
        CHECK (subject_kind = ANY ('{package,file,retention,storage,system}'::text[])),
    CONSTRAINT events_subject_id_check CHECK (subject_id IS NOT NULL OR subject_kind = 'system'),
    CONSTRAINT events_actor_check CHECK (octet_length(actor) <@ '[1,255]'::int4range),
    CONSTRAINT events_payload_check CHECK (octet_length(payload) <@ '[1,65536]'::int4range),
    CONSTRAINT events_payload_digest_check CHECK (octet_length(payload_digest) = 32)
);

-- In order of the log: the next event of a subject is the next entry, however many the subject has.
CREATE INDEX events_subject_kind_subject_id_sequence_idx
    ON artifactstore.events (subject_kind, subject_id, sequence);
CREATE INDEX events_event_type_sequence_idx ON artifactstore.events (event_type, sequence);
CREATE INDEX events_actor_sequence_idx ON artifactstore.events (actor, sequence);
CREATE INDEX events_created_at_idx ON artifactstore.events (created_at);

COMMENT ON TABLE artifactstore.events IS
'The append-only log: one immutable row per state change, numbered 1, 2, 3 … without holes in commit order';
COMMENT ON COLUMN artifactstore.events.sequence IS
'Gapless position in the log, in commit order; the cursor of every consumer';
COMMENT ON COLUMN artifactstore.events.created_at IS
'When the event was appended (UTC, µs); never decreases along the sequence';
COMMENT ON COLUMN artifactstore.events.event_type IS 'Versioned slug, see artifactstore.event_types';
COMMENT ON COLUMN artifactstore.events.subject_kind IS
'What subject_id is: package, file, retention (of a package), storage (a location) or system';
COMMENT ON COLUMN artifactstore.events.subject_id IS
'The package, file, location or log that the event is about';
COMMENT ON COLUMN artifactstore.events.actor IS 'Who: a URI such as user:ann, oidc:host#sub or db:login';
COMMENT ON COLUMN artifactstore.events.payload IS
'Canonical CBOR (AS-CBOR/1), at most 64 KiB; read it with artifactstore.cbor_decode or the view event_log';
COMMENT ON COLUMN artifactstore.events.payload_digest IS 'BLAKE3 of payload, 32 bytes';

CREATE TABLE artifactstore.append_lock ();

COMMENT ON TABLE artifactstore.append_lock IS
'Always empty. Appends hold it IN EXCLUSIVE MODE until commit, so that numbers are gapless and in commit '
'order';

CREATE TABLE artifactstore.event_types (
    event_type text COLLATE "C" NOT NULL,
    subject_kind text COLLATE "C" NOT NULL,
    min_role text NOT NULL,
    destructive boolean NOT NULL,
    lane text NOT NULL,
    description text NOT NULL,
    fields jsonb NOT NULL,
    shape jsonb NOT NULL,
    CONSTRAINT event_types_pkey PRIMARY KEY (event_type),
    CONSTRAINT event_types_subject_kind_check
        CHECK (subject_kind IN ('package', 'file', 'retention', 'storage', 'system')),
    CONSTRAINT event_types_min_role_check CHECK (min_role IN ('writer', 'operator')),
    CONSTRAINT event_types_lane_check CHECK (lane IN ('package', 'file', 'label', 'retention'))
);

COMMENT ON TABLE artifactstore.event_types IS
'The catalogue: every event type, who may append it and what its payload holds';
COMMENT ON COLUMN artifactstore.event_types.event_type IS 'Versioned slug; never changes meaning';
COMMENT ON COLUMN artifactstore.event_types.subject_kind IS 'subject_kind of its events';
COMMENT ON COLUMN artifactstore.event_types.min_role IS
'Least role that may append it with append_json: writer or operator';
COMMENT ON COLUMN artifactstore.event_types.destructive IS
'True when the destruction guard (holds, retention) judges it';
COMMENT ON COLUMN artifactstore.event_types.lane IS
'What its events must stay in order with when a range is folded: everything of their package (package), '
'or only events of the same file, of the label lane or of the retention lane';
COMMENT ON COLUMN artifactstore.event_types.description IS 'What happened';
COMMENT ON COLUMN artifactstore.event_types.fields IS 'Payload fields: name → {type, required, bounds, doc}';
COMMENT ON COLUMN artifactstore.event_types.shape IS
'The same for decode_fields: {required: how many, fields: name → {type, bounds}}';

CREATE TABLE artifactstore.error_codes (
    name text COLLATE "C" NOT NULL,
    sqlstate text COLLATE "C" NOT NULL,
    message text NOT NULL,
    hint text NOT NULL,
    CONSTRAINT error_codes_pkey PRIMARY KEY (name),
    CONSTRAINT error_codes_sqlstate_key UNIQUE (sqlstate),
    CONSTRAINT error_codes_sqlstate_check CHECK (sqlstate ~ '^ST[0-9]{3}$' AND sqlstate <> 'ST000')
);

COMMENT ON TABLE artifactstore.error_codes IS
'Every refusal: its name, its SQLSTATE (class ST), what it means and what to do';
COMMENT ON COLUMN artifactstore.error_codes.name IS
'Name of the refusal, as in DETAIL, HTTP problems and docs';
COMMENT ON COLUMN artifactstore.error_codes.sqlstate IS 'SQLSTATE that it is raised with';
COMMENT ON COLUMN artifactstore.error_codes.message IS 'What was wrong, as one sentence';
COMMENT ON COLUMN artifactstore.error_codes.hint IS 'What to do about it';

CREATE TABLE artifactstore.roles (
    role text COLLATE "C" NOT NULL,
    rolname name NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (role),
    CONSTRAINT roles_role_check CHECK (role IN ('owner', 'service', 'writer', 'reader', 'operator'))
);

COMMENT ON TABLE artifactstore.roles IS
'Which database role plays which part here; written by migrate (role names carry a prefix, '
'roles are cluster-wide)';
COMMENT ON COLUMN artifactstore.roles.role IS 'The part: owner, service, writer, reader, operator';
COMMENT ON COLUMN artifactstore.roles.rolname IS 'The database role that plays it';

CREATE TYPE artifactstore.decoded_event AS (
    sequence bigint,
    created_at timestamptz,
    event_type text,
    subject_id uuid,
    actor text,
    payload jsonb
);

COMMENT ON TYPE artifactstore.decoded_event IS 'An event with its payload decoded, as projectors get it';

-- What stands beside the log names the event that it ends at.
CREATE TYPE artifactstore.log_point AS (
    sequence bigint,
    log_id uuid,
    epoch_id uuid,
    identity bytea
);

COMMENT ON TYPE artifactstore.log_point IS
'A place in one history: an event (0: before the first) with its log, the epoch that it belongs to, '
'and its identity; see point_at';

CREATE TYPE artifactstore.purl_parts AS (
    type text,
    namespace text,
    name text,
    version text
);

COMMENT ON TYPE artifactstore.purl_parts IS
'Parts of a package URL, percent-decoded; all null for a text that is none';
