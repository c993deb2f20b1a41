-- The first slice: who there is, what they recorded, and what the office asks about it.
-- Every key leads with the district, so that districts can be sharded without touching code.

CREATE TABLE district (
    id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL
);

CREATE TABLE zone (
    district_id uuid NOT NULL REFERENCES district,
    id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (district_id, id)
);

-- What rights need to know of a school. Everything else about it is a record in its bucket.
CREATE TABLE school (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    zone_id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (district_id, id),
    UNIQUE (district_id, code),
    FOREIGN KEY (district_id, zone_id) REFERENCES zone
);

CREATE TABLE person (
    district_id uuid NOT NULL REFERENCES district,
    id uuid NOT NULL,
    login text NOT NULL,
    password_hash text NOT NULL,
    name text NOT NULL,
    roles text[] NOT NULL,
    zone_id uuid,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    -- Raised when rights or the password change: tokens of an older stamp are refused.
    stamp integer NOT NULL DEFAULT 1,
    PRIMARY KEY (district_id, id),
    FOREIGN KEY (district_id, zone_id) REFERENCES zone
);
CREATE UNIQUE INDEX person_login ON person (lower(login));

-- Which supervisor looks after which school, and when.
CREATE TABLE assignment (
    district_id uuid NOT NULL,
    school_id uuid NOT NULL,
    person_id uuid NOT NULL,
    from_date date NOT NULL,
    to_date date,
    PRIMARY KEY (district_id, person_id, school_id, from_date),
    FOREIGN KEY (district_id, school_id) REFERENCES school,
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

CREATE TABLE device (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (district_id, id, person_id),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

-- A sign-in and its chain of refresh tokens; a token is derived from (family, generation), so none is stored.
CREATE TABLE session (
    district_id uuid NOT NULL,
    family uuid NOT NULL,
    person_id uuid NOT NULL,
    device_id uuid NOT NULL,
    generation integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (district_id, family),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

-- Keys of this installation (token signing, refresh, receipts), made at first start and shared by its instances.
CREATE TABLE secret (
    name text PRIMARY KEY,
    value bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- An audience: its counter and its checksum (docs/protocol.md, Cursor).
CREATE TABLE bucket (
    district_id uuid NOT NULL,
    id text NOT NULL,
    head bigint NOT NULL DEFAULT 0,
    sum_a bigint NOT NULL DEFAULT 0,
    sum_b bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (district_id, id)
);

CREATE TABLE record (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    bucket text NOT NULL,
    kind text NOT NULL,
    seq bigint NOT NULL,
    first_seq bigint NOT NULL,
    state jsonb NOT NULL,
    PRIMARY KEY (district_id, id),
    FOREIGN KEY (district_id, bucket) REFERENCES bucket
);
CREATE INDEX record_changes ON record (district_id, bucket, seq);

-- The log: every authenticated group, byte for byte, with what became of it.
CREATE TABLE change_group (
    district_id uuid NOT NULL,
    id bytea NOT NULL CHECK (octet_length(id) = 16),
    bucket text NOT NULL,
    seq bigint,
    outcome text NOT NULL CHECK (outcome IN ('applied', 'refused')),
    code text,
    author uuid NOT NULL,
    sender uuid NOT NULL,
    device uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bytes bytea NOT NULL,
    PRIMARY KEY (district_id, id),
    CHECK ((outcome = 'applied') = (seq IS NOT NULL)),
    CHECK ((outcome = 'refused') = (code IS NOT NULL))
);
CREATE UNIQUE INDEX change_group_order ON change_group (district_id, bucket, seq) WHERE seq IS NOT NULL;

-- Projections, written in the transaction that changes their record.
CREATE TABLE visit (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    bucket text NOT NULL,
    school_id uuid NOT NULL,
    lead uuid,
    state text NOT NULL,
    visit_kind text NOT NULL,
    visit_date date,
    submitted_at timestamptz,
    -- When the server first learnt that it was submitted.
    received_at timestamptz,
    conflicts integer NOT NULL DEFAULT 0,
    PRIMARY KEY (district_id, id),
    FOREIGN KEY (district_id, school_id) REFERENCES school
);
CREATE INDEX visit_by_date ON visit (district_id, visit_date);
CREATE INDEX visit_by_school ON visit (district_id, school_id, visit_date);

CREATE TABLE response (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    bucket text NOT NULL,
    visit_id uuid NOT NULL,
    template text NOT NULL,
    version integer NOT NULL,
    score numeric(4, 1),
    band text,
    rated boolean NOT NULL,
    caps jsonb NOT NULL,
    failed text[] NOT NULL,
    answered integer NOT NULL,
    applicable integer NOT NULL,
    conflicts integer NOT NULL DEFAULT 0,
    engine integer NOT NULL,
    PRIMARY KEY (district_id, id)
);
CREATE INDEX response_by_visit ON response (district_id, visit_id);

CREATE TABLE finding (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    bucket text NOT NULL,
    visit_id uuid NOT NULL,
    response_id uuid,
    item text,
    severity text,
    state text NOT NULL,
    title text NOT NULL,
    withdrawn boolean NOT NULL,
    PRIMARY KEY (district_id, id)
);
CREATE INDEX finding_by_visit ON finding (district_id, visit_id);
