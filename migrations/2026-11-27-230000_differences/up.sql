-- What waits for people: where they differ and since when, and what came after a record was sealed.

CREATE TABLE difference (
    district_id uuid NOT NULL,
    record_id uuid NOT NULL,
    path text NOT NULL,
    bucket text NOT NULL,
    visit_id uuid,
    -- It came after the record was sealed and stands beside the sealed value.
    late boolean NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (district_id, record_id, path)
);
CREATE INDEX difference_by_age ON difference (district_id, opened_at);

-- Begun by mistake and removed by somebody who had seen all that was in it.
ALTER TABLE visit ADD COLUMN removed boolean NOT NULL DEFAULT false;
ALTER TABLE response ADD COLUMN removed boolean NOT NULL DEFAULT false;

-- Who has a visit open at this moment. Nothing of it is kept.
CREATE UNLOGGED TABLE presence (
    district_id uuid NOT NULL,
    visit_id uuid NOT NULL,
    person_id uuid NOT NULL,
    device_id uuid NOT NULL,
    place text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (district_id, visit_id, person_id, device_id)
);

-- A sealed write that a restored server knows from a witness copy alone is looked up by what the copy is of.
CREATE INDEX change_group_copies ON change_group (district_id, copy_of) WHERE copy_of IS NOT NULL;
