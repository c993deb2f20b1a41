DROP POLICY opens ON complaint_identity;
CREATE POLICY opens ON complaint_identity FOR SELECT USING (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND (school_id IS NULL OR NOT lock_recuses(school_id)));
DROP POLICY keeps ON complaint_identity;
CREATE POLICY keeps ON complaint_identity FOR INSERT WITH CHECK (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND created_by = (SELECT lock_person())
    AND (school_id IS NULL OR NOT lock_recuses(school_id)));
CREATE OR REPLACE FUNCTION lock_coordinates(of_district uuid, of_person uuid, of_family uuid) RETURNS boolean
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
DROP TABLE identity_handler;
DROP FUNCTION lock_may_handle, lock_opens, lock_is;
