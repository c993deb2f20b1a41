-- People managed in the office: links by which they choose their password, and the record of who changed whose rights.

-- Nobody has a password before they chose one.
ALTER TABLE person ALTER COLUMN password_hash DROP NOT NULL;

-- The one link by which somebody may choose a password; gone once it was used.
CREATE TABLE enrolment (
    district_id uuid NOT NULL,
    person_id uuid NOT NULL,
    code_hash bytea NOT NULL UNIQUE CHECK (octet_length(code_hash) = 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (district_id, person_id),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

-- Who changed whose rights, when; each row covers the one before it. `actor` is nil for the command line.
CREATE TABLE audit_event (
    district_id uuid NOT NULL REFERENCES district,
    seq bigint NOT NULL CHECK (seq > 0),
    at timestamptz NOT NULL,
    actor uuid NOT NULL,
    what text NOT NULL,
    subject uuid NOT NULL,
    detail jsonb NOT NULL,
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    PRIMARY KEY (district_id, seq)
);

-- Where each district's chain ends; held while a row is appended.
CREATE TABLE audit_head (
    district_id uuid PRIMARY KEY REFERENCES district,
    seq bigint NOT NULL,
    chain bytea NOT NULL CHECK (octet_length(chain) = 32)
);
