-- Records that move to another bucket, and copies of what a restored server lost.

-- A move is a change of two buckets: `bucket`, `seq` and `chain` say where the records left, these where they came to.
ALTER TABLE change_group ADD COLUMN moved_to text;
ALTER TABLE change_group ADD COLUMN moved_seq bigint;
ALTER TABLE change_group ADD COLUMN moved_chain bytea CHECK (octet_length(moved_chain) = 32);
ALTER TABLE change_group ADD CONSTRAINT change_group_moved
    CHECK ((moved_to IS NULL) = (moved_seq IS NULL) AND (moved_to IS NULL) = (moved_chain IS NULL));
CREATE UNIQUE INDEX change_group_moved_order ON change_group (district_id, moved_to, moved_seq) WHERE moved_seq IS NOT NULL;

-- Of which group a witness copy is: where that has come by itself, nobody needs to decide about the copy.
ALTER TABLE change_group ADD COLUMN copy_of bytea CHECK (octet_length(copy_of) = 16);

-- Records that left a bucket: those who carry it hear of it by the number of the change. Gone again when the record comes back.
CREATE TABLE departure (
    district_id uuid NOT NULL,
    bucket text NOT NULL,
    record_id uuid NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (district_id, bucket, record_id)
);
CREATE INDEX departure_order ON departure (district_id, bucket, seq);
