-- Zones and schools are looked after in the office.

-- The second lock (2026-11-28-010000).
GRANT UPDATE (name) ON zone TO duxing_server;
GRANT UPDATE (zone_id, code, name) ON school TO duxing_server;
CREATE POLICY manages ON zone USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');
CREATE POLICY manages ON school USING (district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office');

-- Whoever manages people and places writes what the phones carry of a school, too: for these schools, until the transaction ends.
CREATE FUNCTION lock_settle(schools uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    buckets text := (SELECT string_agg('school/' || id, ' ') FROM unnest(schools) AS one(id));
BEGIN
    IF lock_work() IS DISTINCT FROM 'office' THEN
        RAISE EXCEPTION 'only the office settles schools';
    END IF;
    PERFORM set_config('duxing.reads', concat_ws(' ', nullif(current_setting('duxing.reads', true), ''), buckets), true),
            set_config('duxing.writes', concat_ws(' ', nullif(current_setting('duxing.writes', true), ''), buckets), true);
END $$;
REVOKE ALL ON FUNCTION lock_settle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_settle TO duxing_server;
