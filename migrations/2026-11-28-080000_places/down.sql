DROP FUNCTION lock_settle;
DROP POLICY manages ON school;
DROP POLICY manages ON zone;
REVOKE UPDATE (zone_id, code, name) ON school FROM duxing_server;
REVOKE UPDATE (name) ON zone FROM duxing_server;
