//! The tables as diesel sees them, one to one with `migrations/`. Holds no queries: those live in `store/`.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! { district (id) { id -> Uuid, code -> Text, name -> Text, } }

table! { zone (district_id, id) { district_id -> Uuid, id -> Uuid, name -> Text, } }

table! {
    school (district_id, id) { district_id -> Uuid, id -> Uuid, zone_id -> Uuid, code -> Text, name -> Text, }
}

table! {
    person (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        login -> Text,
        password_hash -> Nullable<Text>,
        name -> Text,
        roles -> Array<Text>,
        zone_id -> Nullable<Uuid>,
        status -> Text,
        stamp -> Integer,
    }
}

table! {
    assignment (district_id, person_id, school_id, from_date) {
        district_id -> Uuid,
        school_id -> Uuid,
        person_id -> Uuid,
        from_date -> Date,
        to_date -> Nullable<Date>,
    }
}

table! {
    appointment (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        person_id -> Uuid,
        employment -> Text,
        from_date -> Date,
        to_date -> Nullable<Date>,
        decision_ref -> Text,
    }
}

table! {
    recusal (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        person_id -> Uuid,
        school_id -> Uuid,
        reason -> Text,
        from_date -> Date,
        to_date -> Nullable<Date>,
    }
}

table! {
    identity_handler (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        complaint_id -> Uuid,
        person_id -> Uuid,
        approved_at -> Timestamptz,
        approved_by -> Uuid,
        ended_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Uuid>,
    }
}

table! {
    complaint_identity (district_id, complaint_id, id) {
        district_id -> Uuid,
        complaint_id -> Uuid,
        id -> Uuid,
        school_id -> Nullable<Uuid>,
        sealed -> Bytea,
        created_at -> Timestamptz,
        created_by -> Uuid,
    }
}

table! {
    device (district_id, id, person_id) {
        district_id -> Uuid,
        id -> Uuid,
        person_id -> Uuid,
        name -> Text,
        state -> Text,
        first_seen -> Timestamptz,
        last_seen -> Timestamptz,
        mended -> Integer,
        pending -> Integer,
    }
}

table! {
    session (district_id, family) {
        district_id -> Uuid,
        family -> Uuid,
        person_id -> Uuid,
        device_id -> Uuid,
        generation -> Integer,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

table! {
    enrolment (district_id, person_id) {
        district_id -> Uuid,
        person_id -> Uuid,
        code_hash -> Bytea,
        expires_at -> Timestamptz,
    }
}

table! {
    second_factor (district_id, person_id) {
        district_id -> Uuid,
        person_id -> Uuid,
        sealed -> Bytea,
        confirmed_at -> Nullable<Timestamptz>,
        last_step -> BigInt,
    }
}

table! {
    passkey (district_id, person_id, id) {
        district_id -> Uuid,
        person_id -> Uuid,
        id -> Uuid,
        credential_id -> Bytea,
        credential -> Jsonb,
        name -> Text,
        counter -> BigInt,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
    }
}

table! {
    passkey_challenge (district_id, person_id, id) {
        district_id -> Uuid,
        person_id -> Uuid,
        id -> Uuid,
        work -> Text,
        state -> Jsonb,
        expires_at -> Timestamptz,
    }
}

table! {
    recovery_code (district_id, person_id, code_hash) { district_id -> Uuid, person_id -> Uuid, code_hash -> Bytea, }
}

table! {
    audit_event (district_id, seq) {
        district_id -> Uuid,
        seq -> BigInt,
        at -> Timestamptz,
        actor -> Uuid,
        what -> Text,
        subject -> Uuid,
        detail -> Jsonb,
        chain -> Bytea,
    }
}

table! { audit_head (district_id) { district_id -> Uuid, seq -> BigInt, chain -> Bytea, } }

table! { secret (name) { name -> Text, value -> Bytea, created_at -> Timestamptz, } }

table! {
    bucket (district_id, id) { district_id -> Uuid, id -> Text, head -> BigInt, sum_a -> BigInt, sum_b -> BigInt, }
}

table! {
    record (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        bucket -> Text,
        kind -> Text,
        seq -> BigInt,
        first_seq -> BigInt,
        state -> Jsonb,
    }
}

table! {
    change_group (district_id, id) {
        district_id -> Uuid,
        id -> Bytea,
        bucket -> Text,
        seq -> Nullable<BigInt>,
        outcome -> Text,
        code -> Nullable<Text>,
        author -> Uuid,
        sender -> Uuid,
        device -> Uuid,
        received_at -> Timestamptz,
        bytes -> Bytea,
    }
}

table! {
    visit (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        bucket -> Text,
        school_id -> Uuid,
        lead -> Nullable<Uuid>,
        state -> Text,
        visit_kind -> Text,
        visit_date -> Nullable<Date>,
        submitted_at -> Nullable<Timestamptz>,
        received_at -> Nullable<Timestamptz>,
        conflicts -> Integer,
        removed -> Bool,
    }
}

table! {
    response (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        bucket -> Text,
        visit_id -> Uuid,
        template -> Text,
        version -> Integer,
        score -> Nullable<Numeric>,
        band -> Nullable<Text>,
        rated -> Bool,
        caps -> Jsonb,
        failed -> Array<Text>,
        answered -> Integer,
        applicable -> Integer,
        conflicts -> Integer,
        engine -> Integer,
        removed -> Bool,
    }
}

table! {
    finding (district_id, id) {
        district_id -> Uuid,
        id -> Uuid,
        bucket -> Text,
        visit_id -> Uuid,
        response_id -> Nullable<Uuid>,
        item -> Nullable<Text>,
        severity -> Nullable<Text>,
        state -> Text,
        title -> Text,
        withdrawn -> Bool,
    }
}

allow_tables_to_appear_in_same_query!(
    district,
    zone,
    school,
    person,
    assignment,
    appointment,
    recusal,
    complaint_identity,
    identity_handler,
    device,
    session,
    enrolment,
    second_factor,
    recovery_code,
    passkey,
    passkey_challenge,
    audit_event,
    audit_head,
    bucket,
    record,
    change_group,
    visit,
    response,
    finding,
);
