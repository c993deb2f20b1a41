DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP POLICY %I ON %I', one.policyname, one.tablename);
    END LOOP;
    FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity LOOP
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', one.relname);
    END LOOP;
END $$;
DROP FUNCTION lock_head, lock_devices, lock_people, lock_past, lock_kept, lock_outcomes, lock_standing, lock_enter_as, lock_enter, lock_manages, lock_reach, lock_passes, lock_derives, lock_meets, lock_reads, lock_reads_like, lock_writes, lock_writes_like,
    lock_writable, lock_readable, lock_person, lock_district, lock_work;
-- Other databases of the cluster may still use the role itself.
DROP OWNED BY duxing_server;
