-- Quarantine: groups kept whole until a coordinator admits them. Chain: each change of a bucket covers the one before it.

ALTER TABLE bucket ADD COLUMN chain bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(chain) = 32);
-- Changes up to this one were made before there was a chain.
ALTER TABLE bucket ADD COLUMN chain_after bigint NOT NULL DEFAULT 0;
UPDATE bucket SET chain_after = head;

ALTER TABLE change_group ADD COLUMN chain bytea CHECK (octet_length(chain) = 32);
ALTER TABLE change_group ADD COLUMN admitted_by uuid;
ALTER TABLE change_group ADD COLUMN admitted_at timestamptz;
-- Why it had been kept, once it is admitted.
ALTER TABLE change_group ADD COLUMN kept_code text;
ALTER TABLE change_group DROP CONSTRAINT change_group_outcome_check;
ALTER TABLE change_group DROP CONSTRAINT change_group_check1;
ALTER TABLE change_group ADD CONSTRAINT change_group_outcome CHECK (outcome IN ('applied', 'refused', 'quarantined'));
ALTER TABLE change_group ADD CONSTRAINT change_group_code CHECK ((outcome = 'applied') = (code IS NULL));
CREATE INDEX change_group_kept ON change_group (district_id, received_at) WHERE outcome = 'quarantined';

-- Drawn anew by `duxing restore-finish`: part of the epoch, so that every phone offers what a restored server may have lost. Drawn, not
-- counted: a counter would come back with the copy, and two restores of one copy would look alike.
CREATE TABLE installation (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    life uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;
