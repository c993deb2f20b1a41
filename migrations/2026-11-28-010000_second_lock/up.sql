-- The second lock (docs/adr/0013-the-second-lock.md): the server works as a role that owns nothing, and the database itself says which rows
-- a transaction may see and write. What a person reaches is derived here from rows, never taken from the server.

-- Roles belong to the cluster, tables to a database: another database may make the role at this very moment.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'duxing_server') THEN
        CREATE ROLE duxing_server NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role duxing_server is missing and this login may not make it: CREATE ROLE duxing_server NOLOGIN; GRANT duxing_server TO %', current_user;
END $$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'duxing_server', 'MEMBER') THEN
        EXECUTE format('GRANT duxing_server TO %I', current_user);
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'this login is no member of the role as which the server works: GRANT duxing_server TO %', current_user;
END $$;

-- What the server needs, and no more: nothing of the log or the audit is ever deleted, no line is written anew, no table is made or changed.
GRANT USAGE ON SCHEMA public TO duxing_server;
GRANT SELECT, INSERT ON district, zone, school, secret, audit_event TO duxing_server;
GRANT SELECT, INSERT, UPDATE ON person, assignment, device, session, bucket, record, visit, response, finding, audit_head TO duxing_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON enrolment, departure, difference, presence TO duxing_server;
GRANT SELECT, INSERT ON change_group TO duxing_server;
GRANT UPDATE (bucket, seq, outcome, code, chain, moved_to, moved_seq, moved_chain, kept_code, admitted_by, admitted_at) ON change_group TO duxing_server;
GRANT SELECT, UPDATE ON installation TO duxing_server;

-- Settings of one transaction. Without them nothing is visible and nothing can be written.

CREATE FUNCTION lock_work() RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('duxing.work', true), '');
CREATE FUNCTION lock_district() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('duxing.district', true), '')::uuid;
CREATE FUNCTION lock_person() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('duxing.person', true), '')::uuid;
-- Bucket ids; `school/*` stands for every school of the district.
CREATE FUNCTION lock_readable() RETURNS text[] LANGUAGE sql STABLE
    RETURN string_to_array(nullif(current_setting('duxing.readable', true), ''), ' ');
CREATE FUNCTION lock_writable() RETURNS text[] LANGUAGE sql STABLE
    RETURN string_to_array(nullif(current_setting('duxing.writable', true), ''), ' ');
-- What the policies compare with, made once by lock_enter: the buckets that this transaction may read and write, and the beginning of all
-- others that it may (`school/` for an office, nothing at all for an admission, null for nobody).
CREATE FUNCTION lock_reads() RETURNS text[] LANGUAGE sql STABLE
    RETURN string_to_array(nullif(current_setting('duxing.reads', true), ''), ' ');
CREATE FUNCTION lock_reads_like() RETURNS text LANGUAGE sql STABLE
    RETURN CASE current_setting('duxing.reads_like', true) WHEN '*' THEN '' WHEN '' THEN NULL ELSE current_setting('duxing.reads_like', true) END;
CREATE FUNCTION lock_writes() RETURNS text[] LANGUAGE sql STABLE
    RETURN string_to_array(nullif(current_setting('duxing.writes', true), ''), ' ');
CREATE FUNCTION lock_writes_like() RETURNS text LANGUAGE sql STABLE
    RETURN CASE current_setting('duxing.writes_like', true) WHEN '*' THEN '' WHEN '' THEN NULL ELSE current_setting('duxing.writes_like', true) END;
-- The district in which a merge may meet any record; null for all other work.
CREATE FUNCTION lock_meets() RETURNS uuid LANGUAGE sql STABLE
    RETURN CASE WHEN lock_work() IN ('push', 'admit') THEN lock_district() END;
-- Whether one of the functions below is at work: they run as the owner of the tables, and their fixed search path names a schema that does
-- not exist. A setting of our own would need a superuser here.
CREATE FUNCTION lock_derives() RETURNS boolean LANGUAGE sql STABLE
    RETURN position('duxing_derives' IN current_setting('search_path')) > 0 AND current_user <> 'duxing_server';

-- Whether everything is shown: to the installation itself, and to the functions below.
CREATE FUNCTION lock_passes() RETURNS boolean LANGUAGE sql STABLE
    RETURN coalesce(lock_work() = 'installation', false) OR lock_derives();

-- Which buckets somebody with this sign-in reaches at this moment: the rules of server/src/auth/grants.rs once more. For sealed work the
-- sign-in may be over (`live` false); person and device may not.
CREATE FUNCTION lock_reach(of_district uuid, of_person uuid, of_family uuid, live boolean DEFAULT true) RETURNS TABLE (bucket text, may_write boolean)
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

-- Whether somebody with this sign-in manages people, as in server/src/auth/office.rs.
CREATE FUNCTION lock_manages(of_district uuid, of_person uuid, of_family uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM session s
        JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id
        JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id
        WHERE s.district_id = of_district AND s.family = of_family AND s.person_id = of_person
          AND s.revoked_at IS NULL AND s.expires_at > now() AND p.status = 'active' AND d.state = 'active'
          AND p.roles && '{coordinator,admin}');
END $$;

-- Says for whom this transaction works and what it does: `read`, `push`, `hand_in` (a push of sealed work), `admit` or `office`. The reach
-- is derived once.
CREATE FUNCTION lock_enter(asked text, of_district uuid, of_person uuid, of_family uuid) RETURNS void LANGUAGE plpgsql AS $$
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

-- Says that this transaction works for the installation: `sign_in` (nobody is known yet) or `installation` (the command line, the demo).
CREATE FUNCTION lock_enter_as(work text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF work NOT IN ('sign_in', 'installation') THEN
        RAISE EXCEPTION 'no such work as %', work;
    END IF;
    PERFORM set_config('duxing.work', work, true), set_config('duxing.district', '', true), set_config('duxing.person', '', true),
            set_config('duxing.readable', '', true), set_config('duxing.writable', '', true), set_config('duxing.reads', '', true),
            set_config('duxing.writes', '', true), set_config('duxing.reads_like', '', true), set_config('duxing.writes_like', '', true);
END $$;

-- Single questions that are asked before, or beside, what a person reaches. Each answers exactly what it says.

-- The facts behind a sign-in, from which the server derives its grants: the first lock (server/src/store/rights.rs).
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

-- What the log says of groups whose hashes one knows: that they are there, never what is in them.
CREATE FUNCTION lock_outcomes(of_district uuid, ids bytea[])
    RETURNS TABLE (id bytea, bucket text, seq bigint, code text, kept boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- One look at the key for each, whatever the statistics say: a new table has none, and the whole district would be read.
    RETURN QUERY
    SELECT found.* FROM unnest(ids) AS asked(id) CROSS JOIN LATERAL
        (SELECT g.id, g.bucket, g.seq, g.code, g.outcome = 'quarantined' FROM change_group g
         WHERE g.district_id = of_district AND g.id = asked.id LIMIT 1) found;
END $$;

-- What waits for the office, oldest first. Whoever manages people without reading a bucket sees that something waits, not what it says.
CREATE FUNCTION lock_kept(most bigint)
    RETURNS TABLE (id bytea, bucket text, code text, author uuid, author_name text, school text, device uuid, received_at timestamptz, bytes bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
DECLARE
    readable text[] := lock_readable();
BEGIN
    IF lock_work() IS DISTINCT FROM 'office' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT g.id, g.bucket, g.code, g.author, coalesce(p.name, ''), s.name, g.device, g.received_at,
           CASE WHEN g.bucket = ANY (readable) OR 'school/*' = ANY (readable) AND s.id IS NOT NULL THEN g.bytes END
    FROM change_group g LEFT JOIN person p ON p.district_id = g.district_id AND p.id = g.author
    LEFT JOIN school s ON s.district_id = g.district_id AND g.bucket = 'school/' || s.id
    WHERE g.district_id = lock_district() AND g.outcome = 'quarantined'
      AND NOT EXISTS (SELECT 1 FROM change_group o WHERE o.district_id = g.district_id AND o.id = g.copy_of)
    ORDER BY g.received_at, g.id LIMIT most;
END $$;

-- A bucket's number, for the cache that all requests share: were it asked as one person, whose right ends meanwhile, all would learn 0.
CREATE FUNCTION lock_head(of_district uuid, of_bucket text) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT b.head FROM bucket b WHERE b.district_id = of_district AND b.id = of_bucket), 0);
END $$;

-- The past of records that came from other buckets, in whose logs it lies. Only of records that live where one may read.
CREATE FUNCTION lock_past(records uuid[], most bigint) RETURNS TABLE (seq bigint, received_at timestamptz, bytes bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
DECLARE
    readable text[] := lock_readable();
    schools boolean := 'school/*' = ANY (lock_readable());
    named bytea[];
    homes text[];
BEGIN
    SELECT array_agg(convert_to(r.id::text, 'UTF8')), array_agg(DISTINCT r.bucket) INTO named, homes FROM record r
    WHERE r.district_id = lock_district() AND r.id = ANY (records)
      AND (r.bucket = ANY (readable) OR schools AND starts_with(r.bucket, 'school/'));
    RETURN QUERY
    WITH RECURSIVE home(bucket) AS (
        SELECT unnest(homes)
        UNION
        SELECT g.bucket FROM home JOIN change_group g
            ON g.district_id = lock_district() AND g.moved_to = home.bucket AND g.moved_seq IS NOT NULL
           AND EXISTS (SELECT 1 FROM unnest(named) AS one(id) WHERE position(one.id IN g.bytes) > 0))
    SELECT g.seq, g.received_at, g.bytes FROM change_group g
    WHERE g.district_id = lock_district() AND g.bucket IN (SELECT home.bucket FROM home) AND g.seq IS NOT NULL
      AND EXISTS (SELECT 1 FROM unnest(named) AS one(id) WHERE position(one.id IN g.bytes) > 0)
    ORDER BY coalesce(g.admitted_at, g.received_at), g.seq LIMIT most;
END $$;

-- What everybody who carries the district's bucket knows of people, and no more than that: not with what they sign in. `of` is null for all.
CREATE FUNCTION lock_people(of uuid[]) RETURNS TABLE (id uuid, name text, roles text[], zone_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF 'district/' || lock_district() = ANY (lock_readable()) THEN
        RETURN QUERY SELECT p.id, p.name, p.roles, p.zone_id FROM person p
            WHERE p.district_id = lock_district() AND (of IS NULL OR p.id = ANY (of));
    ELSE
        RETURN QUERY SELECT p.id, p.name, p.roles, p.zone_id FROM person p
            WHERE p.district_id = lock_district() AND p.id = lock_person() AND (of IS NULL OR p.id = ANY (of));
    END IF;
END $$;

-- What the devices that a record mentions call themselves; where several people share one, what it said last.
CREATE FUNCTION lock_devices(of uuid[]) RETURNS TABLE (id uuid, name text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF 'district/' || lock_district() = ANY (lock_readable()) THEN
        RETURN QUERY SELECT DISTINCT ON (d.id) d.id, d.name FROM device d
            WHERE d.district_id = lock_district() AND d.id = ANY (of) ORDER BY d.id, d.last_seen DESC;
    END IF;
END $$;

REVOKE ALL ON FUNCTION lock_reach, lock_manages, lock_enter, lock_enter_as, lock_standing, lock_outcomes, lock_kept, lock_past,
    lock_people, lock_devices, lock_head FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_reach, lock_manages, lock_enter, lock_enter_as, lock_standing, lock_outcomes, lock_kept, lock_past,
    lock_people, lock_devices, lock_head TO duxing_server;

-- The owner, too, says what for: FORCE.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{zone,school,person,assignment,device,session,enrolment,bucket,record,change_group,visit,response,finding,departure,difference,presence,audit_event,audit_head}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY passes ON %I USING ((SELECT lock_passes()))', name);
    END LOOP;
END $$;

-- Everything that lies in a bucket: read by those who reach it, written in a push by those who may. An admission takes effect wherever the
-- group belongs, and whoever manages people writes their names into the district's bucket.
DO $$
DECLARE
    name text;
    -- Every sub-select is one look at a setting, once a statement: a few of them are felt in a push of a hundred statements.
    reads text := 'district_id = (SELECT lock_district()) AND (BUCKET = ANY ((SELECT lock_reads())::text[])
        OR starts_with(BUCKET, (SELECT lock_reads_like())))';
    writes text := 'district_id = (SELECT lock_district()) AND (BUCKET = ANY ((SELECT lock_writes())::text[])
        OR starts_with(BUCKET, (SELECT lock_writes_like())))';
    -- The merge must find what it meets, wherever it lies: a record that is said to be new, the dots that a write replaced, the district's checklists.
    meets text := 'district_id = (SELECT lock_meets())';
BEGIN
    FOREACH name IN ARRAY '{bucket,record,visit,response,finding,departure,difference}'::text[] LOOP
        EXECUTE format('CREATE POLICY reads ON %I FOR SELECT USING (%s)', name, replace(reads, 'BUCKET', CASE name WHEN 'bucket' THEN 'id' ELSE 'bucket' END));
        EXECUTE format('CREATE POLICY creates ON %I FOR INSERT WITH CHECK (%s)', name, replace(writes, 'BUCKET', CASE name WHEN 'bucket' THEN 'id' ELSE 'bucket' END));
    END LOOP;
    FOREACH name IN ARRAY '{visit,response,finding,departure,difference}'::text[] LOOP
        EXECUTE format('CREATE POLICY changes ON %I FOR UPDATE USING (%s)', name, replace(writes, 'BUCKET', 'bucket'));
    END LOOP;
    FOREACH name IN ARRAY '{departure,difference}'::text[] LOOP
        EXECUTE format('CREATE POLICY removes ON %I FOR DELETE USING (%s)', name, replace(writes, 'BUCKET', 'bucket'));
    END LOOP;
    FOREACH name IN ARRAY '{bucket,record,change_group}'::text[] LOOP
        EXECUTE format('CREATE POLICY meets ON %I FOR SELECT USING (%s)', name, meets);
    END LOOP;
    EXECUTE format('CREATE POLICY changes ON bucket FOR UPDATE USING (%s)', replace(writes, 'BUCKET', 'id'));
    -- A record elsewhere is locked to be judged; what comes of it must be writable.
    EXECUTE format('CREATE POLICY changes ON record FOR UPDATE USING (%s OR %s) WITH CHECK (%s)', meets, replace(writes, 'BUCKET', 'bucket'), replace(writes, 'BUCKET', 'bucket'));

    -- The log. A move is a change of both its buckets. What has no effect may be for any bucket; it says who brought it.
    EXECUTE format('CREATE POLICY reads ON change_group FOR SELECT USING (%s OR %s)',
        replace(reads, 'BUCKET', 'bucket'), replace(reads, 'BUCKET', 'moved_to'));
    EXECUTE format('CREATE POLICY creates ON change_group FOR INSERT WITH CHECK (sender = (SELECT lock_person()) AND (
            (%s) AND (moved_to IS NULL OR (%s)) OR %s AND outcome <> ''applied''))',
        replace(writes, 'BUCKET', 'bucket'), replace(writes, 'BUCKET', 'moved_to'), meets);
END $$;
CREATE POLICY admits ON change_group FOR UPDATE
    USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'admit' AND outcome = 'quarantined')
    WITH CHECK (district_id = (SELECT lock_district()) AND admitted_by = (SELECT lock_person()));

-- Who has a visit open: whoever reads the visit.
CREATE POLICY reads ON presence USING (
    district_id = (SELECT lock_district()) AND EXISTS (SELECT FROM record r WHERE r.district_id = presence.district_id AND r.id = visit_id))
    WITH CHECK (district_id = (SELECT lock_district()) AND person_id = (SELECT lock_person())
        AND EXISTS (SELECT FROM record r WHERE r.district_id = presence.district_id AND r.id = visit_id));

-- Places, by what lies in them.
CREATE POLICY reads ON school FOR SELECT USING (
    district_id = (SELECT lock_district()) AND ((SELECT 'school/*' = ANY (lock_readable()) OR lock_work() IN ('admit', 'office'))
        OR 'school/' || id = ANY ((SELECT lock_readable())::text[])));
CREATE POLICY reads ON zone FOR SELECT USING (
    district_id = (SELECT lock_district()) AND ((SELECT 'school/*' = ANY (lock_readable()) OR lock_work() IN ('admit', 'office'))
        OR 'zone/' || id = ANY ((SELECT lock_readable())::text[])
        OR EXISTS (SELECT FROM school s WHERE s.district_id = zone.district_id AND s.zone_id = zone.id)));

-- People and what they sign in with: their own, the office's and the sign-in's.
CREATE POLICY reads ON person FOR SELECT USING (district_id = (SELECT lock_district()) AND id = (SELECT lock_person()));
CREATE POLICY manages ON person USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
CREATE POLICY finds ON person FOR SELECT USING ((SELECT lock_work()) = 'sign_in');
CREATE POLICY chooses ON person FOR UPDATE USING ((SELECT lock_work()) = 'sign_in');

CREATE POLICY reads ON device FOR SELECT USING (district_id = (SELECT lock_district()) AND person_id = (SELECT lock_person()));
CREATE POLICY notes ON device FOR UPDATE USING (district_id = (SELECT lock_district()) AND person_id = (SELECT lock_person()));
CREATE POLICY manages ON device USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
CREATE POLICY signs_in ON device USING ((SELECT lock_work()) = 'sign_in');

CREATE POLICY signs_in ON session USING ((SELECT lock_work()) = 'sign_in');
CREATE POLICY manages ON assignment USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
CREATE POLICY manages ON enrolment USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
CREATE POLICY signs_in ON enrolment USING ((SELECT lock_work()) = 'sign_in');

-- Who changed whose rights: added to by those who change them, in their own name; read by the office.
CREATE POLICY reads ON audit_event FOR SELECT USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
CREATE POLICY tells ON audit_event FOR INSERT WITH CHECK (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office' AND actor = (SELECT lock_person())
    OR (SELECT lock_work()) = 'sign_in' AND actor = subject);
CREATE POLICY tells ON audit_head USING (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office' OR (SELECT lock_work()) = 'sign_in');
