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

-- The second lock (2026-11-28-010000): a second factor is part of signing in, and the office removes somebody's.
GRANT SELECT, INSERT, UPDATE, DELETE ON second_factor, recovery_code TO duxing_server;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{second_factor,recovery_code}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY installation ON %I USING ((SELECT lock_work()) = ''installation'')', name);
        EXECUTE format('CREATE POLICY signs_in ON %I USING ((SELECT lock_work()) = ''sign_in'')', name);
        EXECUTE format('CREATE POLICY manages ON %I USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = ''office'')', name);
    END LOOP;
END $$;
