DROP TABLE installation;
DELETE FROM change_group WHERE outcome = 'quarantined';
DROP INDEX change_group_kept;
ALTER TABLE change_group DROP CONSTRAINT change_group_code;
ALTER TABLE change_group DROP CONSTRAINT change_group_outcome;
ALTER TABLE change_group ADD CONSTRAINT change_group_outcome_check CHECK (outcome IN ('applied', 'refused'));
ALTER TABLE change_group ADD CONSTRAINT change_group_check1 CHECK ((outcome = 'refused') = (code IS NOT NULL));
ALTER TABLE change_group DROP COLUMN kept_code, DROP COLUMN admitted_at, DROP COLUMN admitted_by, DROP COLUMN chain;
ALTER TABLE bucket DROP COLUMN chain_after, DROP COLUMN chain;
