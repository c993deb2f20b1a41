-- A second factor for the office: time-based codes (RFC 6238) beside the password.

-- One a person. The secret is sealed with a key of this installation and bound to its row; `last_step` is the newest time step whose code
-- was taken, so that a code is good once. Not confirmed means that the owner has not proved yet that their device makes the right codes.
CREATE TABLE second_factor (
    district_id uuid NOT NULL,
    person_id uuid NOT NULL,
    sealed bytea NOT NULL CHECK (octet_length(sealed) = 49),
    confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (district_id, person_id),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

-- Codes for whoever lost that device, each good once: a row goes when its code was used.
CREATE TABLE recovery_code (
    district_id uuid NOT NULL,
    person_id uuid NOT NULL,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (district_id, person_id, code_hash),
    FOREIGN KEY (district_id, person_id) REFERENCES second_factor ON DELETE CASCADE
);
