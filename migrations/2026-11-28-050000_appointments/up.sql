-- Appointments: the role of a supervisor gives schools only on days that one covers.

-- For how long somebody is appointed. It is never deleted: the day before the first one as the last takes it back. That no two of a person
-- meet is the office's to see to, which works under a lock (store/roster.rs): to say it here would need an extension.
CREATE TABLE appointment (
    district_id uuid NOT NULL,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    employment text NOT NULL CHECK (employment IN ('full', 'part')),
    from_date date NOT NULL,
    to_date date CHECK (to_date >= from_date - 1),
    decision_ref text NOT NULL CHECK (char_length(decision_ref) <= 200),
    PRIMARY KEY (district_id, id),
    FOREIGN KEY (district_id, person_id) REFERENCES person
);
CREATE INDEX appointment_of_person ON appointment (district_id, person_id);

-- Whoever supervises when this comes loses nothing: appointed without an end, from their first school on.
SET LOCAL duxing.work = 'installation';
INSERT INTO appointment (district_id, id, person_id, employment, from_date, decision_ref)
SELECT p.district_id, gen_random_uuid(), p.id, 'full',
       least((now() AT TIME ZONE INTERVAL '8 hours')::date,
             (SELECT min(a.from_date) FROM assignment a WHERE a.district_id = p.district_id AND a.person_id = p.id)), ''
FROM person p WHERE 'supervisor' = ANY (p.roles);
RESET duxing.work;

-- The second lock (2026-11-28-010000).
GRANT SELECT, INSERT, UPDATE ON appointment TO duxing_server;
ALTER TABLE appointment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY installation ON appointment USING ((SELECT lock_work()) = 'installation');
CREATE POLICY derives ON appointment FOR SELECT USING ((SELECT lock_derives()));
CREATE POLICY manages ON appointment USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');

-- As before, and a supervisor without an appointment has no school.
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
    IF 'supervisor' = ANY (me.roles) AND EXISTS (SELECT FROM appointment t WHERE t.district_id = of_district AND t.person_id = of_person
        AND t.from_date <= today AND (t.to_date IS NULL OR t.to_date >= today)) THEN
        RETURN QUERY SELECT 'school/' || a.school_id, true FROM assignment a
            WHERE a.district_id = of_district AND a.person_id = of_person
              AND a.from_date <= today AND (a.to_date IS NULL OR a.to_date >= today)
              AND a.school_id <> ALL (recused);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION lock_standing(of_district uuid, of_person uuid, of_family uuid, on_day date)
    RETURNS TABLE (name text, roles text[], zone_id uuid, stamp integer, person_active boolean, device_id uuid, device_active boolean,
                   session_live boolean, assigned uuid[], overseen uuid[], recused uuid[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.name, p.roles, p.zone_id, p.stamp, p.status = 'active', d.id, d.state = 'active',
           s.revoked_at IS NULL AND s.expires_at > now(),
           CASE WHEN 'supervisor' = ANY (p.roles) AND EXISTS (
               SELECT FROM appointment t WHERE t.district_id = p.district_id AND t.person_id = p.id
               AND t.from_date <= on_day AND (t.to_date IS NULL OR t.to_date >= on_day)) THEN ARRAY(
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
