-- Who may open who complained: the coordinator who wrote it down, and handlers whom an administrator approved for that complaint.

-- An approval is ended, never deleted. Nothing here tells whether there is an identity.
CREATE TABLE identity_handler (
    district_id uuid NOT NULL REFERENCES district,
    id uuid NOT NULL,
    complaint_id uuid NOT NULL,
    person_id uuid NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT now(),
    approved_by uuid NOT NULL,
    ended_at timestamptz,
    ended_by uuid,
    PRIMARY KEY (district_id, id),
    FOREIGN KEY (district_id, person_id) REFERENCES person,
    FOREIGN KEY (district_id, approved_by) REFERENCES person,
    FOREIGN KEY (district_id, ended_by) REFERENCES person,
    CHECK (person_id <> approved_by)
);
CREATE UNIQUE INDEX identity_handler_live ON identity_handler (district_id, complaint_id, person_id) WHERE ended_at IS NULL;
CREATE INDEX identity_handler_of_person ON identity_handler (district_id, person_id) WHERE ended_at IS NULL;

-- The second lock (2026-11-28-010000).
GRANT SELECT, INSERT ON identity_handler TO duxing_server;
GRANT UPDATE (ended_at, ended_by) ON identity_handler TO duxing_server;

-- Whether the work `identities` is open to somebody with this sign-in at all: since now to handlers as well as coordinators. What each of them
-- sees there is the policies' matter. The name stays, because lock_enter asks for it.
CREATE OR REPLACE FUNCTION lock_coordinates(of_district uuid, of_person uuid, of_family uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM session s
        JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id
        JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id
        WHERE s.district_id = of_district AND s.family = of_family AND s.person_id = of_person
          AND s.revoked_at IS NULL AND s.expires_at > now() AND p.status = 'active' AND d.state = 'active'
          AND ('coordinator' = ANY (p.roles) OR EXISTS (SELECT FROM identity_handler h
              WHERE h.district_id = of_district AND h.person_id = of_person AND h.ended_at IS NULL)));
END $$;

-- Whether the person for whom this transaction works has a role.
CREATE FUNCTION lock_is(role text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM person p WHERE p.district_id = lock_district() AND p.id = lock_person() AND p.status = 'active' AND role = ANY (p.roles));
END $$;

-- Whether that person may open all that was told of a complaint: an approved handler, or the coordinator who wrote down the first telling.
-- Whoever adds a telling later opens their own and no other: nobody lets themselves in.
CREATE FUNCTION lock_opens(complaint uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM identity_handler h WHERE h.district_id = lock_district() AND h.complaint_id = complaint AND h.person_id = lock_person()
          AND h.ended_at IS NULL)
        OR lock_is('coordinator') AND lock_person() = (
            SELECT i.created_by FROM complaint_identity i WHERE i.district_id = lock_district() AND i.complaint_id = complaint
            ORDER BY i.created_at, i.id LIMIT 1);
END $$;

-- Whether somebody may be a handler: their account is active, and they keep away today from no school that the complaint is about. Only for
-- an administrator who approves; which of the two it was is not said, nor whether there is an identity.
CREATE FUNCTION lock_may_handle(complaint uuid, handler uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE INTERVAL '8 hours')::date;
BEGIN
    RETURN EXISTS (SELECT FROM person p WHERE p.district_id = lock_district() AND p.id = handler AND p.status = 'active')
        AND NOT EXISTS (
            SELECT FROM complaint_identity i
            JOIN recusal r ON r.district_id = i.district_id AND r.school_id = i.school_id
            WHERE i.district_id = lock_district() AND i.complaint_id = complaint AND r.person_id = handler
              AND r.from_date <= today AND (r.to_date IS NULL OR r.to_date >= today));
END $$;

REVOKE ALL ON FUNCTION lock_is, lock_opens, lock_may_handle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_is, lock_opens, lock_may_handle TO duxing_server;

ALTER TABLE identity_handler ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY derives ON identity_handler FOR SELECT USING ((SELECT lock_derives()));
CREATE POLICY handles ON identity_handler FOR SELECT USING (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND person_id = (SELECT lock_person()));
CREATE POLICY shows ON identity_handler FOR SELECT USING (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office' AND (SELECT lock_is('admin')));
CREATE POLICY approves ON identity_handler FOR INSERT WITH CHECK (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office' AND (SELECT lock_is('admin'))
    AND approved_by = (SELECT lock_person()) AND person_id <> (SELECT lock_person()) AND ended_at IS NULL
    AND lock_may_handle(complaint_id, person_id));
CREATE POLICY ends ON identity_handler FOR UPDATE USING (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'office' AND (SELECT lock_is('admin')))
    WITH CHECK (ended_by = (SELECT lock_person()) AND ended_at IS NOT NULL);

-- CASE, because the functions above read this table themselves and must not come back here.
DROP POLICY opens ON complaint_identity;
CREATE POLICY opens ON complaint_identity FOR SELECT USING (
    CASE WHEN (SELECT lock_derives()) THEN true
         WHEN (SELECT lock_work()) IS DISTINCT FROM 'identities' OR district_id IS DISTINCT FROM (SELECT lock_district()) THEN false
         WHEN lock_recuses(school_id) THEN false
         ELSE created_by = (SELECT lock_person()) AND (SELECT lock_is('coordinator')) OR lock_opens(complaint_id) END);
DROP POLICY keeps ON complaint_identity;
CREATE POLICY keeps ON complaint_identity FOR INSERT WITH CHECK (
    district_id = (SELECT lock_district()) AND (SELECT lock_work()) = 'identities' AND created_by = (SELECT lock_person())
    AND (SELECT lock_is('coordinator')) AND (school_id IS NULL OR NOT lock_recuses(school_id)));
