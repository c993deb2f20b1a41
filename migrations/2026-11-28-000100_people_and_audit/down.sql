DROP TABLE audit_head;
DROP TABLE audit_event;
DROP TABLE enrolment;
UPDATE person SET password_hash = '' WHERE password_hash IS NULL;
ALTER TABLE person ALTER COLUMN password_hash SET NOT NULL;
