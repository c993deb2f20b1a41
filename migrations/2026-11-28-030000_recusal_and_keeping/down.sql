DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public'
        AND policyname IN ('tells_of_identities', 'grows_old', 'goes', 'ran', 'runs') LOOP
        EXECUTE format('DROP POLICY %I ON %I', one.policyname, one.tablename);
    END LOOP;
END $$;
REVOKE DELETE ON session FROM duxing_server;
DROP FUNCTION lock_standing;
CREATE FUNCTION lock_standing(of_district uuid, of_person uuid, of_family uuid, on_day date)
    RETURNS TABLE (name text, roles text[], zone_id uuid, stamp integer, person_active boolean, device_id uuid, device_active boolean,
                   session_live boolean, assigned uuid[], overseen uuid[])
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
           ELSE '{}' END
    FROM session s
    JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id
    JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id
    WHERE s.district_id = of_district AND s.family = of_family AND s.person_id = of_person;
END $$;
REVOKE ALL ON FUNCTION lock_standing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_standing TO duxing_server;
CREATE OR REPLACE FUNCTION lock_reach(of_district uuid, of_person uuid, of_family uuid, live boolean DEFAULT true) RETURNS TABLE (bucket text, may_write boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me record;
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
        RETURN QUERY SELECT 'school/' || s.id, true FROM school s WHERE s.district_id = of_district AND s.zone_id = me.zone_id;
    END IF;
    IF 'supervisor' = ANY (me.roles) THEN
        RETURN QUERY SELECT 'school/' || a.school_id, true FROM assignment a
            WHERE a.district_id = of_district AND a.person_id = of_person
              AND a.from_date <= today AND (a.to_date IS NULL OR a.to_date >= today);
    END IF;
END $$;
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
    IF work NOT IN ('read', 'push', 'hand_in', 'admit', 'office') THEN
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
CREATE OR REPLACE FUNCTION lock_enter_as(work text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF work NOT IN ('sign_in', 'installation') THEN
        RAISE EXCEPTION 'no such work as %', work;
    END IF;
    PERFORM set_config('duxing.work', work, true), set_config('duxing.district', '', true), set_config('duxing.person', '', true),
            set_config('duxing.readable', '', true), set_config('duxing.writable', '', true), set_config('duxing.reads', '', true),
            set_config('duxing.writes', '', true), set_config('duxing.reads_like', '', true), set_config('duxing.writes_like', '', true);
END $$;
DROP TABLE complaint_identity;
DROP TABLE recusal;
DROP FUNCTION lock_recuses, lock_coordinates;
DROP TRIGGER person_disabled ON person;
DROP FUNCTION note_disabling;
ALTER TABLE person DROP COLUMN disabled_at;
