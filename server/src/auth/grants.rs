//! Which buckets a person may read and write at this moment. Pure: `store/rights.rs` brings the facts, this decides.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::store::rights::Standing;

/// A right to one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The bucket's id, such as `school/<uuid>`.
    pub bucket: String,
    /// Whether groups for it are taken (what exactly may be changed is the catalog's to say, by kind and role).
    pub write: bool,
    /// Whether the phone keeps a copy: supervisors and zone leads do, the office asks when it looks.
    pub carry: bool,
}

/// The grants of a person, ordered by bucket, each bucket once.
pub fn grants(district: Uuid, person: Uuid, standing: &Standing) -> Vec<Grant> {
    let mut given = Given::default();
    let has = |role: &str| standing.roles.iter().any(|own| own == role);
    // Whoever keeps away from a school does not have it by being its supervisor or its zone's lead. The office has every school all the
    // same: a coordinator answers for the whole district, and domain.md has only the supervisor locked out.
    let without_recused = |schools: &[Uuid]| -> Vec<Uuid> {
        let kept = schools.iter().filter(|school| !standing.recused.contains(school));
        kept.copied().collect()
    };
    given.add(format!("person/{person}"), true, true);
    if has("supervisor") {
        given.add_schools(&without_recused(&standing.assigned), true, true);
        given.add(format!("district/{district}"), false, true);
    }
    if let Some(zone) = standing.zone.filter(|_| has("supervisor") || has("zone_lead")) {
        given.add(format!("zone/{zone}"), has("zone_lead"), true);
    }
    // A zone lead who is also in the office oversees every school; the zone's are not told apart, so none is carried.
    let office = has("coordinator") || has("committee");
    if has("zone_lead") {
        let schools = if office {
            standing.overseen.clone()
        } else {
            without_recused(&standing.overseen)
        };
        given.add_schools(&schools, !office, !office);
        given.add(format!("district/{district}"), false, true);
    }
    if office {
        given.add_schools(&standing.overseen, has("coordinator"), false);
        given.add(format!("district/{district}"), has("coordinator"), true);
        given.add(format!("office/{district}"), has("coordinator"), false);
    }
    given
        .0
        .into_iter()
        .map(|(bucket, (write, carry))| Grant { bucket, write, carry })
        .collect()
}

/// Collects grants; a bucket given twice keeps the wider right.
#[derive(Default)]
struct Given(BTreeMap<String, (bool, bool)>);

impl Given {
    fn add(&mut self, bucket: String, write: bool, carry: bool) {
        let right = self.0.entry(bucket).or_default();
        *right = (right.0 || write, right.1 || carry);
    }

    fn add_schools(&mut self, schools: &[Uuid], write: bool, carry: bool) {
        for school in schools {
            self.add(format!("school/{school}"), write, carry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISTRICT: Uuid = Uuid::from_u128(0xd);
    const PERSON: Uuid = Uuid::from_u128(0xe);
    const ZONE: Uuid = Uuid::from_u128(0x2);

    fn given(roles: &[&str], assigned: &[u128], overseen: &[u128]) -> Vec<String> {
        given_to(roles, assigned, overseen, &[])
    }

    fn given_to(roles: &[&str], assigned: &[u128], overseen: &[u128], recused: &[u128]) -> Vec<String> {
        let standing = Standing {
            name: "n".into(),
            roles: roles.iter().map(|role| role.to_string()).collect(),
            zone: Some(ZONE),
            stamp: 1,
            person_active: true,
            device: Uuid::nil(),
            device_active: true,
            session_live: true,
            assigned: assigned.iter().map(|id| Uuid::from_u128(*id)).collect(),
            overseen: overseen.iter().map(|id| Uuid::from_u128(*id)).collect(),
            lacks_factor: false,
            recused: recused.iter().map(|id| Uuid::from_u128(*id)).collect(),
        };
        let short = |grant: Grant| {
            let (kind, id) = grant.bucket.split_once('/').unwrap();
            let id = Uuid::parse_str(id).unwrap().as_u128();
            let mode = if grant.write { "w" } else { "r" };
            format!("{kind}/{id:x} {mode}{}", if grant.carry { "+" } else { "" })
        };
        grants(DISTRICT, PERSON, &standing).into_iter().map(short).collect()
    }

    #[test]
    fn each_role_reaches_its_own_and_no_further() {
        assert_eq!(
            given(&["supervisor"], &[0xa, 0xb], &[]),
            [
                "district/d r+",
                "person/e w+",
                "school/a w+",
                "school/b w+",
                "zone/2 r+"
            ]
        );
        assert_eq!(
            given(&["zone_lead"], &[], &[0xa]),
            ["district/d r+", "person/e w+", "school/a w+", "zone/2 w+"]
        );
        assert_eq!(
            given(&["coordinator"], &[], &[0xa, 0xb]),
            ["district/d w+", "office/d w", "person/e w+", "school/a w", "school/b w"]
        );
        assert_eq!(
            given(&["committee"], &[], &[0xa]),
            ["district/d r+", "office/d r", "person/e w+", "school/a r"]
        );
        for role in ["admin", "department", "school", "expert", "third_party"] {
            assert_eq!(given(&[role], &[], &[]), ["person/e w+"], "{role}");
        }
    }

    #[test]
    fn whoever_keeps_away_from_a_school_has_it_only_by_the_office() {
        assert_eq!(
            given_to(&["supervisor"], &[0xa, 0xb], &[], &[0xa]),
            ["district/d r+", "person/e w+", "school/b w+", "zone/2 r+"]
        );
        assert_eq!(
            given_to(&["zone_lead"], &[], &[0xa], &[0xa]),
            ["district/d r+", "person/e w+", "zone/2 w+"]
        );
        assert!(given_to(&["coordinator"], &[], &[0xa], &[0xa]).contains(&"school/a w".to_owned()));
        assert!(given_to(&["supervisor", "committee"], &[0xa], &[0xa], &[0xa]).contains(&"school/a r".to_owned()));
    }

    #[test]
    fn two_roles_give_the_wider_right_to_a_bucket_once() {
        assert_eq!(
            given(&["supervisor", "committee"], &[0xa], &[0xa, 0xb]),
            [
                "district/d r+",
                "office/d r",
                "person/e w+",
                "school/a w+",
                "school/b r",
                "zone/2 r+"
            ]
        );
        assert!(given(&["zone_lead", "committee"], &[], &[0xa]).contains(&"school/a r".to_owned()));
    }
}
