-- Recusal, the identities of complainants, and what may be thrown away when.

-- Who keeps away from which school, and when. It is never deleted: the day before the first one as the last takes it back.
CREATE TABLE recusal (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    school_id uuid NOT NULL,
    reason text NOT NULL CHECK (reason IN ('kin', 'former_head', 'other')),
    from_date date NOT NULL,
    to_date date,
    PRIMARY KEY (district_id, id),
    FOREIGN KEY (district_id, person_id) REFERENCES person,
    FOREIGN KEY (district_id, school_id) REFERENCES school
);
CREATE INDEX recusal_of_person ON recusal (district_id, person_id);

-- Who complained, apart from the complaint's record: sealed with a key of its own and bound to district and complaint. Every telling is a
-- row of its own, so that none replaces another and nobody learns from a conflict that there is one. The record may come later, or never:
-- nothing here refers to it. The school is the one that recusals are held against.
CREATE TABLE complaint_identity (
    district_id uuid NOT NULL REFERENCES district,
    complaint_id uuid NOT NULL,
    id uuid NOT NULL,
    school_id uuid,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    PRIMARY KEY (district_id, complaint_id, id),
    FOREIGN KEY (district_id, school_id) REFERENCES school,
    FOREIGN KEY (district_id, created_by) REFERENCES person
);

-- Since when an account is disabled, for the rule that throws its recovery codes away. A trigger, because servers of before write here too.
ALTER TABLE person ADD COLUMN disabled_at timestamptz;
SET LOCAL duxing.work = 'installation';
UPDATE person SET disabled_at = now() WHERE status = 'disabled';
RESET duxing.work;
CREATE FUNCTION note_disabling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.disabled_at := CASE WHEN NEW.status = 'disabled' THEN coalesce(NEW.disabled_at, now()) END;
    RETURN NEW;
END $$;
CREATE TRIGGER person_disabled BEFORE INSERT OR UPDATE OF status ON person FOR EACH ROW EXECUTE FUNCTION note_disabling();

-- The second lock (2026-11-28-010000).
GRANT SELECT, INSERT, UPDATE ON recusal TO duxing_server;
GRANT SELECT, INSERT, DELETE ON complaint_identity TO duxing_server;
GRANT DELETE ON session TO duxing_server;

CREATE OR REPLACE FUNCTION lock_reach(of_district uuid, of_person uuid, of_family uuid, live boolean DEFAULT true) RETURNS TABLE (bucket text, may_write boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me record;
    recused uuid[];
    -- The day in the district, as in auth/actor.rs.
    today date := (now() AT TIME ZONE INTERVAL '8 hours')::date;
BEGIN
    SELECT p.roles, p.zone_id INTO me
    FROM session s
    JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id
    JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id
    WHERE s.district_id = of_district AND s.family = of_family AND s.person_id = of_person
      AND (NOT live OR s.revoked_at IS NULL AND s.expires_at > now()) AND p.status = 'active' AND d.state = 'active';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- For the office it changes nothing here: a coordinator answers for the whole district, and domain.md has only the supervisor locked out.
    recused := ARRAY(SELECT r.school_id FROM recusal r WHERE r.district_id = of_district AND r.person_id = of_person
        AND r.from_date <= today AND (r.to_date IS NULL OR r.to_date >= today));
    RETURN QUERY VALUES ('person/' || of_person, true);
    IF me.roles && '{supervisor,zone_lead,coordinator,committee}' THEN
        RETURN QUERY VALUES ('district/' || of_district, 'coordinator' = ANY (me.roles));
    END IF;
    IF me.zone_id IS NOT NULL AND me.roles && '{supervisor,zone_lead}' THEN
        RETURN QUERY VALUES ('zone/' || me.zone_id, 'zone_lead' = ANY (me.roles));
    END IF;
    IF me.roles && '{coordinator,committee}' THEN
        RETURN QUERY VALUES ('office/' || of_district, 'coordinator' = ANY (me.roles)), ('school/*', 'coordinator' = ANY (me.roles));
    ELSIF 'zone_lead' = ANY (me.roles) THEN
        RETURN QUERY SELECT 'school/' || s.id, true FROM school s WHERE s.district_id = of_district AND s.zone_id = me.zone_id
              AND s.id <> ALL (recused);
    END IF;
    IF 'supervisor' = ANY (me.roles) THEN
        RETURN QUERY SELECT 'school/' || a.school_id, true FROM assignment a
            WHERE a.district_id = of_district AND a.person_id = of_person
              AND a.from_date <= today AND (a.to_date IS NULL OR a.to_date >= today)
              AND a.school_id <> ALL (recused);
    END IF;
END $$;

-- Whether somebody with this sign-in is a coordinator: whoever administers accounts alone opens no identity.
CREATE FUNCTION lock_coordinates(of_district uuid, of_person uuid, of_family uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM session s
        JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id
        JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id
        WHERE s.district_id = of_district AND s.family = of_family AND s.person_id = of_person
          AND s.revoked_at IS NULL AND s.expires_at > now() AND p.status = 'active' AND d.state = 'active'
          AND 'coordinator' = ANY (p.roles));
END $$;

-- Whether the person for whom this transaction works keeps away from a school today.
CREATE FUNCTION lock_recuses(school uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE INTERVAL '8 hours')::date;
BEGIN
    RETURN EXISTS (
        SELECT FROM recusal r WHERE r.district_id = lock_district() AND r.person_id = lock_person() AND r.school_id = school
          AND r.from_date <= today AND (r.to_date IS NULL OR r.to_date >= today));
END $$;

-- As before, and `identities`: who complained, for coordinators alone.
CREATE OR REPLACE FUNCTION lock_enter(asked text, of_district uuid, of_person uuid, of_family uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    work text := asked;
    readable text;
    writable text;
    reads text;
    writes text;
    reads_like text := '';
    writes_like text := '';
BEGIN
    IF work NOT IN ('read', 'push', 'hand_in', 'admit', 'office', 'identities') THEN
        RAISE EXCEPTION 'nobody does %', work;
    END IF;
    SELECT string_agg(bucket, ' '), string_agg(bucket, ' ') FILTER (WHERE may_write) INTO readable, writable
    FROM public.lock_reach(of_district, of_person, of_family, work <> 'hand_in');
    IF work = 'hand_in' THEN
        work := 'push';
    END IF;
    IF work IN ('admit', 'office') AND NOT public.lock_manages(of_district, of_person, of_family) THEN
        work := 'read';
    END IF;
    IF work = 'identities' AND NOT public.lock_coordinates(of_district, of_person, of_family) THEN
        work := 'read';
    END IF;
    reads := readable;
    IF 'school/*' = ANY (string_to_array(readable, ' ')) THEN
        reads_like := 'school/';
    END IF;
    -- What is written: in a push where the person may, in an admission wherever the group belongs; whoever manages people reads and
    -- writes their names in the district's bucket.
    CASE work
        WHEN 'push' THEN
            writes := writable;
            IF 'school/*' = ANY (string_to_array(writable, ' ')) THEN
                writes_like := 'school/';
            END IF;
        WHEN 'admit' THEN
            reads_like := '*';
            writes_like := '*';
        WHEN 'office' THEN
            reads := concat_ws(' ', readable, 'district/' || of_district);
            writes := 'district/' || of_district;
        ELSE NULL;
    END CASE;
    PERFORM set_config('duxing.work', work, true), set_config('duxing.district', of_district::text, true),
            set_config('duxing.person', of_person::text, true), set_config('duxing.readable', coalesce(readable, ''), true),
            set_config('duxing.writable', coalesce(writable, ''), true), set_config('duxing.reads', coalesce(reads, ''), true),
            set_config('duxing.writes', coalesce(writes, ''), true), set_config('duxing.reads_like', reads_like, true),
            set_config('duxing.writes_like', writes_like, true);
END $$;

-- As before, and `retention`: what is old is thrown away, and nothing else is seen.
CREATE OR REPLACE FUNCTION lock_enter_as(work text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF work NOT IN ('sign_in', 'installation', 'retention') THEN
        RAISE EXCEPTION 'no such work as %', work;
    END IF;
    PERFORM set_config('duxing.work', work, true), set_config('duxing.district', '', true), set_config('duxing.person', '', true),
            set_config('duxing.readable', '', true), set_config('duxing.writable', '', true), set_config('duxing.reads', '', true),
            set_config('duxing.writes', '', true), set_config('duxing.reads_like', '', true), set_config('duxing.writes_like', '', true);
END $$;

-- One more column, which CREATE OR REPLACE does not allow. A server of before asks for the other columns by name.
DROP FUNCTION lock_standing;
CREATE FUNCTION lock_standing(of_district uuid, of_person uuid, of_family uuid, on_day date)
    RETURNS TABLE (name text, roles text[], zone_id uuid, stamp integer, person_active boolean, device_id uuid, device_active boolean,
                   session_live boolean, assigned uuid[], overseen uuid[], recused uuid[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.name, p.roles, p.zone_id, p.stamp, p.status = 'active', d.id, d.state = 'active',
           s.revoked_at IS NULL AND s.expires_at > now(),
           CASE WHEN 'supervisor' = ANY (p.roles) THEN ARRAY(
               SELECT a.school_id FROM assignment a WHERE a.district_id = p.district_id AND a.person_id = p.id
               AND a.from_date <= on_day AND (a.to_date IS NULL OR a.to_date >= on_day) ORDER BY 1) ELSE '{}' END,
           CASE WHEN p.roles && '{coordinator,committee}' THEN ARRAY(
               SELECT c.id FROM school c WHERE c.district_id = p.district_id ORDER BY 1)
           WHEN 'zone_lead' = ANY (p.roles) THEN ARRAY(
               SELECT c.id FROM school c WHERE c.district_id = p.district_id AND c.zone_id = p.zone_id ORDER BY 1)
           ELSE '{}' END,
           ARRAY(SELECT r.school_id FROM recusal r WHERE r.district_id = p.district_id AND r.person_id = p.id
               AND r.from_date <= on_day AND (r.to_date IS NULL OR r.to_date >= on_day) ORDER BY 1)
    FROM session s
    JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id
    JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id
    WHERE s.district_id = of_district AND s.family = of_family AND s.person_id = of_person;
END $$;

REVOKE ALL ON FUNCTION lock_standing, lock_coordinates, lock_recuses FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_standing, lock_coordinates, lock_recuses TO duxing_server;

ALTER TABLE recusal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY installation ON recusal USING ((SELECT lock_work()) = 'installation');
CREATE POLICY derives ON recusal FOR SELECT USING ((SELECT lock_derives()));
CREATE POLICY manages ON recusal USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');

-- Not even the installation sees identities; nor does a coordinator those of a school they keep away from.
ALTER TABLE complaint_identity ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY opens ON complaint_identity FOR SELECT USING (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND (school_id IS NULL OR NOT lock_recuses(school_id)));
CREATE POLICY keeps ON complaint_identity FOR INSERT WITH CHECK (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND created_by = (SELECT lock_person())
    AND (school_id IS NULL OR NOT lock_recuses(school_id)));
CREATE POLICY tells_of_identities ON audit_event FOR INSERT WITH CHECK (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND actor = (SELECT lock_person()));
CREATE POLICY tells_of_identities ON audit_head USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities');

-- What grows old. An identity that was told within a year is out of reach, whatever the settings say.
CREATE POLICY expires ON complaint_identity FOR SELECT USING ((SELECT lock_work()) = 'retention' AND created_at < now() - interval '1 year');
CREATE POLICY expires_for_good ON complaint_identity FOR DELETE USING ((SELECT lock_work()) = 'retention' AND created_at < now() - interval '1 year');
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{session,presence,enrolment,recovery_code}'::text[] LOOP
        EXECUTE format('CREATE POLICY grows_old ON %I FOR SELECT USING ((SELECT lock_work()) = ''retention'')', name);
        EXECUTE format('CREATE POLICY goes ON %I FOR DELETE USING ((SELECT lock_work()) = ''retention'')', name);
    END LOOP;
END $$;
CREATE POLICY grows_old ON person FOR SELECT USING ((SELECT lock_work()) = 'retention' AND status = 'disabled');
CREATE POLICY ran ON audit_event FOR SELECT USING ((SELECT lock_work()) = 'retention' AND what = 'retention.run');
CREATE POLICY runs ON audit_event FOR INSERT WITH CHECK (
    (SELECT lock_work()) = 'retention' AND what = 'retention.run' AND actor = '00000000-0000-0000-0000-000000000000');
CREATE POLICY runs ON audit_head USING ((SELECT lock_work()) = 'retention');
