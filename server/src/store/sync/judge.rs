//! Whether a group may take effect: rights, workflow and field types, asked of the catalog. Decides; never touches the database.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Action, Kind, Policy, Refusal, Said, catalog};
use sync_protocol::office::{Judge, Objection};
use sync_protocol::{
    BucketId, Code, FieldPath, Group, GroupKind, Op, PersonId, REMOVED_FIELD, RecordId, RecordState, SEAL_FIELD, Value,
    Write,
};

use uuid::Uuid;

use super::template;

/// Who may take a record to another school.
const MOVES_RECORDS: &str = "coordinator";

/// What the sender is to the district: who they are, the roles that the catalog's rights name, and where they may write.
pub struct Standing<'a, F> {
    /// Whose checklists say what an item is.
    pub district: Uuid,
    pub person: PersonId,
    pub roles: &'a [String],
    pub may_write: F,
}

impl<F: Fn(&BucketId) -> bool> Judge for Standing<'_, F> {
    fn gate(&self, group: &Group) -> Result<(), Objection> {
        if group.kind == GroupKind::Witness {
            // Whoever carries it, it is somebody else's: the office decides.
            return Err(Objection::keep(Code::GroupWitness.as_str()));
        }
        if group.author != self.person {
            return Err(Objection::keep(Code::GroupAuthor.as_str()));
        }
        let buckets = std::iter::once(&group.bucket).chain(&group.to);
        if !buckets.into_iter().all(&self.may_write) {
            return Err(Objection::keep(Code::ScopeDenied.as_str()));
        }
        let may_move = self.roles.iter().any(|role| role == MOVES_RECORDS);
        match group.kind == GroupKind::Move && !may_move {
            true => Err(Objection::keep("rights.role")),
            false => Ok(()),
        }
    }

    fn judge(&self, group: &Group, records: &BTreeMap<RecordId, RecordState>) -> Result<(), Objection> {
        let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
        judge(group, records, Some(&roles))?;
        judge_decisions(group, records, &self.district.to_string(), &roles)
    }

    fn looks_at(&self, group: &Group, records: &BTreeMap<RecordId, RecordState>) -> BTreeSet<RecordId> {
        visits_of(group, records)
    }

    fn outlives_seal(&self, record: &RecordState, path: &FieldPath) -> bool {
        outlives_seal(record, path)
    }
}

/// A coordinator's word in place of the author's rights: only what no right could allow still stands against the group.
pub struct Admission;

impl Judge for Admission {
    fn gate(&self, _: &Group) -> Result<(), Objection> {
        Ok(())
    }
    fn judge(&self, group: &Group, records: &BTreeMap<RecordId, RecordState>) -> Result<(), Objection> {
        judge(group, records, None)
    }
    fn outlives_seal(&self, record: &RecordState, path: &FieldPath) -> bool {
        outlives_seal(record, path)
    }
}

fn outlives_seal(record: &RecordState, path: &FieldPath) -> bool {
    let kind = record.text("@kind").and_then(|code| catalog().kind(code));
    kind.is_some_and(|kind| kind.outlives_seal(path.as_str()))
}

/// The visits whose leads may do what a group does: settle a difference, or seal.
fn visits_of(group: &Group, records: &BTreeMap<RecordId, RecordState>) -> BTreeSet<RecordId> {
    let decides = |op: &&Op| op.base().len() > 1 || op.path().as_str() == SEAL_FIELD;
    let visit = |op: &Op| records.get(op.record())?.text("visit")?.parse().ok();
    group.ops.iter().filter(decides).filter_map(visit).collect()
}

/// `records` are the group's records as they are now, those that exist; without `roles` rights are not asked.
fn judge(group: &Group, records: &BTreeMap<RecordId, RecordState>, roles: Option<&[&str]>) -> Result<(), Objection> {
    let touched: BTreeSet<&RecordId> = group.ops.iter().map(Op::record).collect();
    for id in touched {
        let ops: Vec<&Op> = group.ops.iter().filter(|op| op.record() == id).collect();
        judge_record(group, records.get(id), &ops, roles)?;
    }
    Ok(())
}

fn judge_record(
    group: &Group,
    now: Option<&RecordState>,
    ops: &[&Op],
    roles: Option<&[&str]>,
) -> Result<(), Objection> {
    let kind = kind_of(now, ops)?;
    let buckets = std::iter::once(&group.bucket).chain(&group.to);
    if buckets.into_iter().any(|bucket| kind.bucket != bucket.kind()) {
        return Err(Objection::refuse("record.wrong_bucket"));
    }
    if group.to.is_none() && ops.iter().any(|op| op.path().as_str() == "@bucket") {
        return Err(Objection::refuse("field.reserved"));
    }
    let action = if now.is_some() { Action::Write } else { Action::Create };
    // Who may move records was asked at the gate: they need not be those who fill them.
    if group.kind != GroupKind::Move && roles.is_some_and(|roles| !may(kind, roles, action, ops)) {
        return Err(Objection::keep("rights.role"));
    }
    for op in ops {
        let path = op.path().as_str();
        kind.check(path, &to_catalog(op.value()))
            .map_err(|_| Objection::refuse("field.value"))?;
        let flow = kind.workflow.as_ref();
        let states = flow.and_then(|flow| now?.fields.iter().find(|(path, _)| path.as_str() == flow.field));
        let mut live = states
            .iter()
            .flat_map(|(_, field)| &field.live)
            .map(|write| write.value.text());
        if !live.all(|state| kind.is_open(state, path)) {
            return Err(Objection::refuse("record.sealed"));
        }
        // What was signed once is never removed, also when it has come back to be put right.
        let signed = now.is_some_and(|record| {
            record.is_sealed() || record.fields.get("seal").is_some_and(|seal| !seal.live.is_empty())
        });
        if path == REMOVED_FIELD && signed {
            return Err(Objection::refuse("record.sealed"));
        }
        judge_policy(kind, now, op, ops, roles)?;
        let moves = flow.is_some_and(|flow| flow.field == path);
        if let (true, Some(roles)) = (moves, roles) {
            judge_move(group, kind, now, op, roles)?;
        }
        if moves {
            judge_needs(kind, now, op, ops)?;
        }
        if moves && op.value().text() == Some(template::PUBLISHED) {
            let is_sound = match kind.code.as_str() {
                template::KIND => template::read(now, ops).is_ok(),
                template::LIMIT => template::read_limit(now, ops).is_ok(),
                _ => true,
            };
            if !is_sound {
                return Err(Objection::refuse("definition.broken"));
            }
        }
    }
    Ok(())
}

/// Whether these roles may do this with the record. Those who decide without writing themselves bring a reason for each field;
/// some fields are open to people who may write nothing else.
fn may(kind: &Kind, roles: &[&str], action: Action, ops: &[&Op]) -> bool {
    let named = |op: &&Op| {
        let field = kind.field(op.path().as_str());
        field.is_some_and(|field| field.by.iter().any(|role| roles.contains(&role.as_str())))
    };
    let decided = |op: &&Op| {
        let path = op.path().as_str();
        path.starts_with("settled/") || kind.outlives_seal(path) || path == SEAL_FIELD || reason(ops, path).is_some()
    };
    kind.may(roles, action)
        || (action == Action::Write && ops.iter().all(named))
        || (action == Action::Write && kind.may(roles, Action::Settle) && ops.iter().all(|op| named(op) || decided(op)))
}

/// Why somebody settled a field as they did, as the same group says.
fn reason<'a>(ops: &'a [&Op], path: &str) -> Option<&'a Value> {
    let given = ops
        .iter()
        .find(|op| op.path().as_str().strip_prefix("settled/") == Some(path));
    given.map(|op| op.value()).filter(|value| **value != Value::Null)
}

/// What a field's policy forbids whatever the roles, or to these.
fn judge_policy(
    kind: &Kind,
    now: Option<&RecordState>,
    op: &Op,
    ops: &[&Op],
    roles: Option<&[&str]>,
) -> Result<(), Objection> {
    let (path, value) = (op.path().as_str(), op.value());
    let (Some(field), Some(live)) = (
        kind.field(path),
        now.and_then(|record| record.fields.get(path)).map(|field| &field.live),
    ) else {
        return Ok(());
    };
    let makes = ops.iter().any(|op| op.path().as_str() == "@kind");
    let there = || live.iter().filter(|write| !to_catalog(&write.value).is_blank());
    // Two phones that make one record may disagree: both words stay, the first counts.
    if field.policy == Policy::Fixed && !makes && there().any(|write| write.value != *value) {
        return Err(Objection::refuse("field.fixed"));
    }
    let Some(roles) = roles else { return Ok(()) };
    let has = |allowed: &[String]| allowed.iter().any(|role| roles.contains(&role.as_str()));
    if !field.by.is_empty() && !makes && !has(&field.by) && there().any(|write| write.value != *value) {
        return Err(Objection::refuse("field.office_only"));
    }
    let over: Vec<catalog::Value> = live
        .iter()
        .filter(|write| op.base().contains(&write.dot))
        .map(|write| to_catalog(&write.value))
        .collect();
    match kind.lowers(path, &over, &to_catalog(value)) && !has(&field.lowered_by) {
        true => Err(Objection::refuse("field.only_upward")),
        false => Ok(()),
    }
}

/// A difference is settled, and a record sealed, by whoever leads the visit, or by the zone or the office (`domain.md` §5).
/// Anybody else's decision is kept for the office: the words themselves are sound.
fn judge_decisions(
    group: &Group,
    records: &BTreeMap<RecordId, RecordState>,
    district: &str,
    roles: &[&str],
) -> Result<(), Objection> {
    for op in &group.ops {
        let Some(record) = records.get(op.record()) else {
            continue;
        };
        let Some(kind) = record.text("@kind").and_then(|code| catalog().kind(code)) else {
            continue;
        };
        let seals = op.path().as_str() == SEAL_FIELD;
        if !seals && !settles_others(group, kind, district, record, op) {
            continue;
        }
        if !kind.may_settle(roles, leads(group, records, record)) {
            return Err(Objection::keep(if seals {
                "seal.not_yours"
            } else {
                "conflict.not_yours"
            }));
        }
    }
    Ok(())
}

/// Whether the author leads the visit that a record is, or belongs to.
fn leads(group: &Group, records: &BTreeMap<RecordId, RecordState>, record: &RecordState) -> bool {
    let visit = match record.text("visit") {
        Some(visit) => visit.parse().ok().and_then(|visit: RecordId| records.get(&visit)),
        None => Some(record),
    };
    visit.and_then(|visit| visit.fields.get("lead")).is_some_and(|lead| {
        let mut named = lead.live.iter().map(|write| write.value.text());
        named.any(|person| person == Some(group.author.as_str()))
    })
}

/// Whether a write puts an end to a difference in which somebody else's word stands.
fn settles_others(group: &Group, kind: &Kind, district: &str, record: &RecordState, op: &Op) -> bool {
    let Some(field) = record.fields.get(op.path()) else {
        return false;
    };
    let over: Vec<&Write> = field
        .live
        .iter()
        .filter(|write| op.base().contains(&write.dot))
        .collect();
    if over.len() < 2 || over.iter().all(|write| write.author == group.author) {
        return false;
    }
    let said: Vec<Said> = over.iter().map(|write| said(write)).collect();
    // Whoever takes over another's very word gives in; that is nobody's decision.
    let gives_in = over
        .iter()
        .all(|write| write.author == group.author || write.value == *op.value());
    // What an item is decides, too: ticks of two people are united, and nobody has to settle them.
    !gives_in
        && kind
            .standing(checklist_of(district, record), op.path().as_str(), "", &said)
            .is_open()
}

/// The checklist that a response was begun with, as far as it is known here.
pub fn checklist_of(district: &str, record: &RecordState) -> Option<&'static catalog::Checklist> {
    let version = u32::try_from(record.value("version")?.int()?).ok()?;
    catalog::checklist(district, record.text("template")?, version)
}

/// A live write as the catalog judges it.
pub fn said(write: &Write) -> Said {
    Said {
        value: to_catalog(&write.value),
        author: write.author.to_string(),
        at: write.at,
    }
}

/// A state moves by command, along the workflow. While people disagree on the present state, any of theirs will do.
fn judge_move(group: &Group, kind: &Kind, now: Option<&RecordState>, op: &Op, roles: &[&str]) -> Result<(), Objection> {
    if group.kind != GroupKind::Command {
        return Err(Objection::refuse(Code::CommandNeeded.as_str()));
    }
    let to = op.value().text().ok_or_else(|| Objection::refuse("field.value"))?;
    let live = now
        .and_then(|record| record.fields.get(op.path()))
        .map_or(&[][..], |field| &field.live);
    // Somebody moved it meanwhile: whoever decides sees that first. Two who made the same move do not contradict each other.
    let unseen = live
        .iter()
        .any(|write| !op.base().contains(&write.dot) && write.value != *op.value());
    if unseen {
        return Err(Objection::refuse("workflow.moved_on"));
    }
    let mut from: Vec<Option<&str>> = live.iter().map(|write| write.value.text()).collect();
    if from.is_empty() {
        from.push(None);
    }
    let refusals: Vec<Refusal> = from
        .into_iter()
        .map_while(|from| kind.transition(from, to, roles).err())
        .collect();
    let all_refused = refusals.len() == live.len().max(1);
    match refusals.first() {
        Some(refusal) if all_refused => Err(Objection::refuse(refusal_code(*refusal))),
        _ => Ok(()),
    }
}

/// What a move needs has to be there, from before or in the same group.
fn judge_needs(kind: &Kind, now: Option<&RecordState>, op: &Op, ops: &[&Op]) -> Result<(), Objection> {
    let from = now.and_then(|record| record.text(op.path().as_str()));
    let given = |path: &str| {
        ops.iter()
            .rfind(|op| op.path().as_str() == path)
            .map(|op| op.value().clone())
    };
    let known = |path: &str| now.and_then(|record| record.value(path).cloned());
    let is_there = |path: &String| {
        given(path)
            .or_else(|| known(path))
            .is_some_and(|value| !to_catalog(&value).is_blank())
    };
    match kind
        .needs(from, op.value().text().unwrap_or_default())
        .iter()
        .all(is_there)
    {
        true => Ok(()),
        false => Err(Objection::refuse("workflow.needs_field")),
    }
}

fn kind_of(now: Option<&RecordState>, ops: &[&Op]) -> Result<&'static Kind, Objection> {
    let claimed = ops
        .iter()
        .find(|op| op.path().as_str() == "@kind")
        .map(|op| op.value().text().unwrap_or(""));
    let settled = now.and_then(|record| record.text("@kind"));
    let code = match (settled, claimed) {
        (Some(settled), Some(claimed)) if settled != claimed => {
            return Err(Objection::refuse(Code::RecordKindFixed.as_str()));
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        // Its first group may still be on its way, or in quarantine.
        (None, None) => return Err(Objection::keep(Code::RecordKindMissing.as_str())),
    };
    // A newer catalog may know it.
    catalog().kind(code).ok_or_else(|| Objection::keep("kind.unknown"))
}

fn refusal_code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchState => "workflow.no_such_state",
        Refusal::NotFromHere => "workflow.not_from_here",
        Refusal::NotYours => "workflow.not_yours",
    }
}

/// The same value in the catalog's own type: the two crates do not know each other.
pub fn to_catalog(value: &Value) -> catalog::Value {
    match value {
        Value::Null => catalog::Value::Null,
        Value::Bool(truth) => catalog::Value::Bool(*truth),
        Value::Int(number) => catalog::Value::Int(*number),
        Value::Text(text) => catalog::Value::Text(text.clone()),
        Value::List(items) => catalog::Value::List(items.iter().map(to_catalog).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a2b4-7c3d-7e11-8f00-0123456789ab";

    fn visit(kind: GroupKind, fields: &[(&str, &str)]) -> Group {
        let op = |(path, value): &(&str, &str)| Op(ID.parse().unwrap(), path.parse().unwrap(), (*value).into(), vec![]);
        let ops = fields.iter().map(op).collect();
        Group::new(
            format!("school/{ID}").parse().unwrap(),
            kind,
            ID.parse().unwrap(),
            ID.parse().unwrap(),
            0,
            1,
            ops,
        )
    }
    /// `group` comes from somebody who has the state on their screen.
    fn judge(roles: &[&str], group: &Group, state: Option<&str>) -> Result<(), String> {
        let mut group = group.clone();
        let mut records = BTreeMap::new();
        if let Some(state) = state {
            let mut record = RecordState::new(ID.parse().unwrap());
            let before = visit(GroupKind::Command, &[("@kind", "visit"), ("state", state)]);
            let id = sync_protocol::GroupId::of(before.to_line().as_bytes());
            for (at, op) in before.ops.iter().enumerate() {
                record.apply(op.path(), before.write(id, at), &[], 1, |_| true);
                for seen in group.ops.iter_mut().filter(|seen| seen.path() == op.path()) {
                    seen.3.push(Group::dot(id, at));
                }
            }
            records.insert(record.id.clone(), record);
        }
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let standing = Standing {
            district: Uuid::nil(),
            person: ID.parse().unwrap(),
            roles: &roles,
            may_write: |_: &BucketId| true,
        };
        standing.judge(&group, &records).map_err(|objection| objection.code)
    }

    #[test]
    fn a_supervisor_submits_after_feedback_and_not_before() {
        let submit = visit(GroupKind::Command, &[("state", "submitted")]);
        assert_eq!(judge(&["supervisor"], &submit, Some("feedback_given")), Ok(()));
        assert_eq!(
            judge(&["supervisor"], &submit, Some("checked_in")),
            Err("workflow.not_from_here".into())
        );
        assert_eq!(
            judge(
                &["supervisor"],
                &visit(GroupKind::Edit, &[("state", "submitted")]),
                Some("feedback_given")
            ),
            Err("command.needed".into())
        );
    }

    #[test]
    fn whoever_moves_a_state_has_seen_the_present_one() {
        let mut submit = visit(GroupKind::Command, &[("state", "submitted")]);
        assert_eq!(judge(&["supervisor"], &submit, Some("feedback_given")), Ok(()));
        submit.ops[0].3.clear();
        let mut records = BTreeMap::new();
        let mut record = RecordState::new(ID.parse().unwrap());
        let before = visit(GroupKind::Command, &[("@kind", "visit"), ("state", "feedback_given")]);
        let id = sync_protocol::GroupId::of(before.to_line().as_bytes());
        for (at, op) in before.ops.iter().enumerate() {
            record.apply(op.path(), before.write(id, at), &[], 1, |_| true);
        }
        records.insert(record.id.clone(), record);
        let standing = Standing {
            district: Uuid::nil(),
            person: ID.parse().unwrap(),
            roles: &["supervisor".to_owned()],
            may_write: |_: &BucketId| true,
        };
        let told = standing.judge(&submit, &records).map_err(|objection| objection.code);
        assert_eq!(told, Err("workflow.moved_on".into()));
    }

    #[test]
    fn only_the_office_returns_a_visit() {
        let back = visit(
            GroupKind::Command,
            &[("state", "returned"), ("return_reason", "请补二楼")],
        );
        assert_eq!(
            judge(&["supervisor"], &back, Some("submitted")),
            Err("workflow.not_yours".into())
        );
        assert_eq!(judge(&["coordinator"], &back, Some("submitted")), Ok(()));
    }

    #[test]
    fn a_record_says_once_what_it_is_and_fits_its_definition() {
        let nameless = visit(GroupKind::Edit, &[("card_shown", "yes")]);
        assert_eq!(
            judge(&["supervisor"], &nameless, None),
            Err("record.kind_missing".into())
        );
        assert_eq!(
            judge(&["supervisor"], &nameless, Some("checked_in")),
            Err("field.value".into())
        );
        let changed = visit(GroupKind::Edit, &[("@kind", "finding")]);
        assert_eq!(
            judge(&["supervisor"], &changed, Some("checked_in")),
            Err("record.kind_fixed".into())
        );
        assert_eq!(
            judge(&["supervisor"], &visit(GroupKind::Edit, &[("@kind", "planet")]), None),
            Err("kind.unknown".into())
        );
    }

    #[test]
    fn a_finding_is_dismissed_only_with_a_reason() {
        let finding = |fields: &[(&str, &str)]| judge(&["supervisor"], &visit(GroupKind::Command, fields), None);
        let bare = [("@kind", "finding"), ("state", "void")];
        assert_eq!(finding(&bare), Err("workflow.needs_field".into()));
        let blank = [("@kind", "finding"), ("dismissed_reason", " "), ("state", "void")];
        assert_eq!(finding(&blank), Err("workflow.needs_field".into()));
        let told = [
            ("@kind", "finding"),
            ("dismissed_reason", "当场查明是误报"),
            ("state", "void"),
        ];
        assert_eq!(finding(&told), Ok(()));
    }

    #[test]
    fn a_department_does_not_write_visits() {
        let start = visit(GroupKind::Command, &[("@kind", "visit"), ("state", "checked_in")]);
        assert_eq!(judge(&["department"], &start, None), Err("rights.role".into()));
        assert_eq!(judge(&["supervisor"], &start, None), Ok(()));
    }
}
