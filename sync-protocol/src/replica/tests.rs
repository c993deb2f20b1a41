//! One phone and a small office: what a person sees at each step of a group's life.

use super::*;
use crate::{DigestReply, End, FieldView, Limits, Node};

const SCHOOL: &str = "0190a2b4-7c3d-7e11-8f00-0000000000aa";

fn uuid(name: u8) -> String {
    format!("0190a2b4-7c3d-7e11-8f00-0000000000{name:02x}")
}
fn bucket() -> BucketId {
    format!("school/{SCHOOL}").parse().unwrap()
}
fn author(name: u8) -> Author {
    Author {
        person: uuid(name).parse().unwrap(),
        device: uuid(name).parse().unwrap(),
    }
}
fn record() -> RecordId {
    uuid(0x77).parse().unwrap()
}
fn path(text: &str) -> FieldPath {
    text.parse().unwrap()
}

/// The office in miniature: applies each group once and answers pulls page by page.
#[derive(Default)]
struct Office {
    log: BTreeMap<GroupId, i64>,
    records: BTreeMap<RecordId, RecordState>,
    sum: Sum,
}

impl Office {
    fn push(&mut self, batch: &PushBatch) -> PushReply {
        let outcomes = batch.body.lines().skip(1).map(|line| self.take(line)).collect();
        PushReply {
            epoch: "e1".into(),
            now: 0,
            outcomes,
        }
    }
    fn take(&mut self, line: &str) -> Outcome {
        let id = GroupId::of(line.as_bytes());
        let group = Group::from_line(line.as_bytes()).unwrap();
        let receipt = String::new();
        if let Some(seq) = self.log.get(&id) {
            return Outcome {
                group: id,
                kind: OutcomeKind::Duplicate {
                    bucket: group.bucket,
                    seq: *seq,
                    receipt,
                },
            };
        }
        let seq = self.log.len() as i64 + 1;
        for (at, op) in group.ops.iter().enumerate() {
            let (write, log) = (group.write(id, at), &self.log);
            let record = self
                .records
                .entry(op.record().clone())
                .or_insert_with(|| RecordState::new(op.record().clone()));
            let known = |other: &GroupId| *other == id || log.contains_key(other);
            self.sum = self.sum.plus(record.apply(op.path(), write, op.base(), seq, known));
        }
        self.log.insert(id, seq);
        Outcome {
            group: id,
            kind: OutcomeKind::Applied {
                bucket: group.bucket,
                seq,
                receipt,
            },
        }
    }
    fn pull(&self, request: &PullRequest) -> Vec<Frame> {
        let from = request.want.get(&bucket()).copied().unwrap_or(0);
        let head = self.log.len() as i64;
        let limits = Limits {
            push_groups: 64,
            push_bytes: 1,
            group_bytes: 1,
            group_ops: 1,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            epoch: "e1".into(),
            now: 0,
            limits,
            backup_horizon_days: 35,
        };
        let mut frames = vec![
            Frame::Hello(hello),
            Frame::Scope(ScopeChange {
                add: vec![bucket()],
                remove: vec![],
            }),
        ];
        let newer = |record: &RecordState| {
            let fields: BTreeMap<_, _> = record
                .fields
                .iter()
                .filter(|(_, f)| f.seq > from)
                .map(|(p, f)| (p.clone(), f.clone()))
                .collect();
            (!fields.is_empty()).then(|| RecordState {
                id: record.id.clone(),
                fields,
            })
        };
        let whole = request.mend.get(&bucket()).cloned();
        if head > from || whole.is_some() {
            let whole = whole.unwrap_or_default();
            let of = |record: &RecordState| match whole.contains(&record.id) {
                true => Some(record.clone()),
                false => newer(record),
            };
            let records = self.records.values().filter_map(of).collect();
            frames.push(Frame::Records(RecordsPage {
                bucket: bucket(),
                since: from,
                from,
                to: head,
                records,
                whole,
                gone: vec![],
            }));
            frames.push(Frame::Checkpoint(Checkpoint {
                bucket: bucket(),
                head,
                sum: self.sum,
            }));
        }
        frames.push(Frame::End(End { more: false }));
        frames
    }
}

fn pull(phone: &mut Replica, office: &Office) {
    if phone.must_refill() {
        // This office has lost nothing: whatever it is offered, it has.
        phone.refilled();
    }
    while let Some(asked) = phone.next_digest() {
        let sums = || office.records.iter().map(|(id, record)| (id, record.sum()));
        let nodes = asked
            .places
            .iter()
            .map(|place| (place.clone(), Node::of(place, sums())));
        phone.handle_digest(&DigestReply {
            epoch: "e1".into(),
            bucket: asked.bucket.clone(),
            nodes: nodes.collect(),
        });
    }
    for frame in office.pull(&phone.next_pull(1 << 20)) {
        phone.handle_frame(frame).unwrap();
    }
}
fn push(phone: &mut Replica, office: &mut Office) {
    if let Some(batch) = phone.next_push(0) {
        let reply = office.push(&batch);
        phone.handle_push_reply(&reply);
    }
}
fn tap(phone: &mut Replica, field: &str, value: &str, nonce: u64) {
    let shown = phone.field(&record(), &path(field)).shown();
    phone.change(
        &bucket(),
        GroupKind::Edit,
        vec![Edit::new(&record(), field, value.into(), shown)],
        5,
        nonce,
    );
}
fn seen(phone: &Replica, field: &str) -> Vec<Value> {
    FieldView::values(&phone.field(&record(), &path(field)))
}

#[test]
fn an_answer_shows_at_once_and_through_push_pull_and_cover() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    tap(&mut phone, "SF3.4", "no", 1);
    assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
    push(&mut phone, &mut office);
    assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
    pull(&mut phone, &office);
    assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
    assert_eq!(phone.outbox().count(), 0);
    assert_eq!(phone.counted_sum(&bucket()), office.sum);
}

#[test]
fn a_pull_that_overtakes_the_acknowledgement_covers_the_group_when_it_comes() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    tap(&mut phone, "SF3.4", "no", 1);
    let reply = office.push(&phone.next_push(0).unwrap());
    pull(&mut phone, &office);
    assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
    assert!(matches!(phone.handle_push_reply(&reply)[..], [Stored::Journal(_)]));
    assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
}

#[test]
fn two_phones_that_did_not_see_each_other_keep_both_values() {
    let mut office = Office::default();
    let mut phones = [
        Replica::open(author(1), Saved::default()),
        Replica::open(author(2), Saved::default()),
    ];
    tap(&mut phones[0], "SF3.4", "no", 1);
    tap(&mut phones[1], "SF3.4", "yes", 2);
    for phone in &mut phones {
        push(phone, &mut office);
    }
    for phone in &mut phones {
        pull(phone, &office);
        assert!(phone.field(&record(), &path("SF3.4")).conflict());
    }
    assert_eq!(seen(&phones[0], "SF3.4"), seen(&phones[1], "SF3.4"));
    // Somebody who sees both decides: that replaces both.
    tap(&mut phones[0], "SF3.4", "no", 3);
    push(&mut phones[0], &mut office);
    pull(&mut phones[1], &office);
    assert_eq!(seen(&phones[1], "SF3.4"), ["no".into()]);
}

#[test]
fn a_value_replaced_offline_twice_leaves_only_the_last() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    for (nonce, value) in ["yes", "no", "na"].into_iter().enumerate() {
        tap(&mut phone, "SF3.4", value, nonce as u64);
        assert_eq!(seen(&phone, "SF3.4"), [value.into()]);
    }
    push(&mut phone, &mut office);
    pull(&mut phone, &office);
    assert_eq!(seen(&phone, "SF3.4"), ["na".into()]);
}

#[test]
fn text_is_kept_while_typed_and_becomes_one_group() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    for text in ["门", "门口", "门口灯不亮"] {
        let shown = phone.field(&record(), &path("SF3.4/note")).shown();
        phone.type_text(&bucket(), Edit::new(&record(), "SF3.4/note", text.into(), shown), 9);
        assert_eq!(seen(&phone, "SF3.4/note"), [text.into()]);
    }
    assert!(phone.next_push(0).is_none());
    phone.settle(10, || 4);
    assert_eq!(phone.outbox().count(), 1);
    push(&mut phone, &mut office);
    pull(&mut phone, &office);
    assert_eq!(seen(&phone, "SF3.4/note"), ["门口灯不亮".into()]);
    // Typing and taking it back again is no change.
    let shown = phone.field(&record(), &path("SF3.4/note")).shown();
    phone.type_text(
        &bucket(),
        Edit::new(&record(), "SF3.4/note", "门口灯不亮".into(), shown),
        11,
    );
    phone.settle(12, || 5);
    assert_eq!(phone.outbox().count(), 0);
}

#[test]
fn what_arrives_while_somebody_types_is_not_replaced_by_what_they_type() {
    let mut office = Office::default();
    let mut phones = [
        Replica::open(author(1), Saved::default()),
        Replica::open(author(2), Saved::default()),
    ];
    let type_on = |phone: &mut Replica, text: &str| {
        let shown = phone.field(&record(), &path("SF3.4/note")).shown();
        phone.type_text(&bucket(), Edit::new(&record(), "SF3.4/note", text.into(), shown), 9);
    };
    type_on(&mut phones[0], "门口");
    tap(&mut phones[1], "SF3.4/note", "灯不亮", 3);
    push(&mut phones[1], &mut office);
    pull(&mut phones[0], &office);
    type_on(&mut phones[0], "门口没有灯");
    phones[0].settle(10, || 4);
    push(&mut phones[0], &mut office);
    pull(&mut phones[0], &office);
    assert_eq!(seen(&phones[0], "SF3.4/note").len(), 2);
}

#[test]
fn what_was_stored_opens_as_the_same_replica() {
    let mut phone = Replica::open(author(1), Saved::default());
    tap(&mut phone, "SF3.4", "no", 1);
    tap(&mut phone, "SF3.4", "yes", 2);
    let groups = phone.outbox().map(|(saved, _)| saved.clone()).collect();
    let reopened = Replica::open(
        author(1),
        Saved {
            groups,
            ..Saved::default()
        },
    );
    assert_eq!(reopened.view(&record()), phone.view(&record()));
    assert_eq!(reopened.next_push(3), phone.next_push(3));
}

#[test]
fn a_refused_group_stays_in_the_outbox_and_blocks_nothing() {
    let mut phone = Replica::open(author(1), Saved::default());
    tap(&mut phone, "SF3.4", "no", 1);
    tap(&mut phone, "SF3.5", "no", 2);
    let batch = phone.next_push(0).unwrap();
    let outcome = |at: usize, kind| Outcome {
        group: batch.groups[at],
        kind,
    };
    let outcomes = vec![
        outcome(
            0,
            OutcomeKind::Refused {
                code: "scope.denied".into(),
            },
        ),
        outcome(
            1,
            OutcomeKind::Applied {
                bucket: bucket(),
                seq: 1,
                receipt: String::new(),
            },
        ),
    ];
    phone.handle_push_reply(&PushReply {
        epoch: "e1".into(),
        now: 0,
        outcomes,
    });
    let phases: Vec<_> = phone.outbox().map(|(saved, _)| saved.phase.clone()).collect();
    assert_eq!(
        phases,
        [
            Phase::Refused {
                code: "scope.denied".into()
            },
            Phase::Acked {
                seq: 1,
                receipt: String::new(),
                bucket: None
            }
        ]
    );
    assert!(phone.next_push(0).is_none());
}

#[test]
fn what_a_refused_write_had_replaced_is_replaced_by_the_next_one_all_the_same() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    tap(&mut phone, "state", "checked_in", 1);
    push(&mut phone, &mut office);
    pull(&mut phone, &office);
    tap(&mut phone, "state", "submitted", 2);
    tap(&mut phone, "state", "feedback_given", 3);
    let batch = phone.next_push(0).unwrap();
    // The office refuses the first of the two: its line never reaches the log here.
    let lines: Vec<&str> = batch.body.lines().collect();
    office.take(lines[2]);
    let refused = OutcomeKind::Refused {
        code: "workflow.not_from_here".into(),
    };
    let outcomes = vec![Outcome {
        group: batch.groups[0],
        kind: refused,
    }];
    phone.handle_push_reply(&PushReply {
        epoch: "e1".into(),
        now: 0,
        outcomes,
    });
    push(&mut phone, &mut office);
    pull(&mut phone, &office);
    assert_eq!(seen(&phone, "state"), ["feedback_given".into()]);
}

#[test]
fn a_group_no_server_takes_is_kept_and_holds_nothing_up() {
    let mut phone = Replica::open(author(1), Saved::default());
    tap(&mut phone, "SF3.4/note", &"长".repeat(100_000), 1);
    tap(&mut phone, "SF3.5", "no", 2);
    assert_eq!(phone.next_push(0).unwrap().groups.len(), 1);
    assert_eq!(phone.outbox().count(), 2);
}

#[test]
fn a_base_that_was_tampered_with_heals_at_the_next_checkpoint() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    tap(&mut phone, "SF3.4", "no", 1);
    push(&mut phone, &mut office);
    pull(&mut phone, &office);
    phone.records.get_mut(&record()).unwrap().state.fields.clear();
    phone.buckets.get_mut(&bucket()).unwrap().sum = Sum::default();
    tap(&mut phone, "SF3.5", "no", 2);
    push(&mut phone, &mut office);
    let frames = office.pull(&phone.next_pull(1 << 20));
    let failed = frames
        .into_iter()
        .filter_map(|frame| phone.handle_frame(frame).err())
        .collect::<Vec<_>>();
    assert_eq!(failed, [StageError::Mismatch(bucket())]);
    pull(&mut phone, &office);
    assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
    assert_eq!((phone.counted_sum(&bucket()), phone.mismatches()), (office.sum, 1));
    assert_eq!(phone.mended(), 1);
}

#[test]
fn a_bucket_that_is_taken_away_stays_until_its_unsent_work_is_out() {
    let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
    pull(&mut phone, &office);
    tap(&mut phone, "SF3.4", "no", 1);
    let remove = || {
        Frame::Scope(ScopeChange {
            add: vec![],
            remove: vec![bucket()],
        })
    };
    assert_eq!(phone.handle_frame(remove()), Ok(vec![]));
    push(&mut phone, &mut office);
    assert_eq!(phone.handle_frame(remove()), Ok(vec![Stored::DropBucket(bucket())]));
}
