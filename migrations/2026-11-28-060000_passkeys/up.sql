-- Passkeys beside time-based codes, and a second factor that may be demanded.

-- What a browser proved to hold: a public key, its counter, and the name its owner gave it. A credential belongs to one person of the installation.
CREATE TABLE passkey (
    district_id uuid NOT NULL,
    person_id uuid NOT NULL,
    id uuid NOT NULL,
    credential_id bytea NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    credential jsonb NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    counter bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    PRIMARY KEY (district_id, person_id, id),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

-- What somebody's browser was asked and has not answered. A row goes with the first answer, be it wrong.
CREATE TABLE passkey_challenge (
    district_id uuid NOT NULL,
    person_id uuid NOT NULL,
    id uuid NOT NULL,
    work text NOT NULL CHECK (work IN ('register', 'sign_in')),
    state jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (district_id, person_id, id),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);

-- Whether somebody has a second factor that a sign-in asks for: looked up with the standing of whoever must have one.
CREATE FUNCTION lock_has_factor(of_district uuid, of_person uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM second_factor f WHERE f.district_id = of_district AND f.person_id = of_person AND f.confirmed_at IS NOT NULL)
        OR EXISTS (SELECT FROM passkey k WHERE k.district_id = of_district AND k.person_id = of_person);
END $$;
REVOKE ALL ON FUNCTION lock_has_factor FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_has_factor TO duxing_server;

-- The second lock (2026-11-28-010000), as for second_factor.
GRANT SELECT, INSERT, UPDATE, DELETE ON passkey, passkey_challenge TO duxing_server;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{passkey,passkey_challenge}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY installation ON %I USING ((SELECT lock_work()) = ''installation'')', name);
        EXECUTE format('CREATE POLICY signs_in ON %I USING ((SELECT lock_work()) = ''sign_in'')', name);
    END LOOP;
    FOREACH name IN ARRAY '{passkey,second_factor}'::text[] LOOP
        EXECUTE format('CREATE POLICY derives ON %I FOR SELECT USING ((SELECT lock_derives()))', name);
    END LOOP;
END $$;
CREATE POLICY manages ON passkey USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
