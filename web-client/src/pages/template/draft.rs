//! The definition that is being written: read out of its record, changed a part at a time. Every change is one group at once.

use catalog::{Checklist, DefinitionErrors};
use leptos::prelude::*;
use serde_json::{Map, Value as Json, json};
use sync_protocol::{Edit, FieldView, GroupKind, RecordId, Value};

use crate::i18n::{lang, t};
use crate::known;
use crate::pages::duty;
use crate::session::Session;

/// A part of a definition that has a form of its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Piece {
    Head,
    Section(String),
    /// Section and item.
    Item(String, String),
}

impl Piece {
    pub fn section(&self) -> Option<&str> {
        match self {
            Piece::Head => None,
            Piece::Section(section) | Piece::Item(section, _) => Some(section),
        }
    }

    pub fn code(&self) -> String {
        match self {
            Piece::Head => String::new(),
            Piece::Section(code) | Piece::Item(_, code) => code.clone(),
        }
    }
}

#[derive(Clone, Copy)]
pub struct Draft {
    session: Session,
    id: StoredValue<RecordId>,
}

impl Draft {
    pub fn new(session: Session, id: RecordId) -> Self {
        Self {
            session,
            id: StoredValue::new(id),
        }
    }

    pub fn with_id<T>(self, read: impl FnOnce(&RecordId) -> T) -> T {
        self.id.with_value(read)
    }
    /// A field of the record; tracked.
    pub fn field(self, path: &str) -> FieldView {
        self.with_id(|id| self.session.field(id, path))
    }
    fn text(self, path: &str) -> String {
        self.field(path).text().to_owned()
    }
    pub fn code(self) -> String {
        self.text("code")
    }
    pub fn version(self) -> i64 {
        self.field("version").int().unwrap_or(1)
    }
    pub fn state(self) -> String {
        self.text("state")
    }
    pub fn may_write(self) -> bool {
        duty::decides(self.session)
    }
    /// Whether it can be written in now; tracked.
    pub fn is_open(self) -> bool {
        self.may_write() && matches!(self.state().as_str(), "draft" | "consult")
    }

    /// The whole as a checklist, or what is wrong with it; tracked.
    pub fn read(self) -> Result<Checklist, DefinitionErrors> {
        let record = self.with_id(|id| self.session.record(id));
        record.map_or(Err(DefinitionErrors(Vec::new())), |record| known::read(&record))
    }

    /// Where, and what; tracked.
    pub fn mistakes(self) -> Vec<(String, String)> {
        match self.read() {
            Ok(_) => Vec::new(),
            Err(errors) => {
                let code = self.code();
                let short = |place: String| place.strip_prefix(&code).unwrap_or(&place).trim().to_owned();
                let named = |place: String| if place.is_empty() { t("template.head") } else { place };
                errors
                    .0
                    .into_iter()
                    .map(|error| (named(short(error.place)), error.what))
                    .collect()
            }
        }
    }

    /// The published or built-in version that it was copied from; tracked.
    pub fn begun_from(self) -> Option<&'static Checklist> {
        let from = self.text("based_on");
        let (code, version) = from.split_once('@')?;
        known::checklist(code, version.parse().ok()?)
    }

    /// Parts on which two people differ; tracked.
    pub fn differing(self) -> Vec<String> {
        let record = self.with_id(|id| self.session.record(id));
        let Some(record) = record else { return Vec::new() };
        let differ = record.fields().filter(|(_, field)| field.conflict());
        differ
            .map(|(path, _)| path.strip_prefix("section/").unwrap_or(path).to_owned())
            .collect()
    }

    fn json(self, path: &str) -> Map<String, Json> {
        serde_json::from_str(self.field(path).text()).unwrap_or_default()
    }
    fn section_json(self, code: &str) -> Map<String, Json> {
        self.json(&format!("section/{code}"))
    }

    /// The title in the reader's language; tracked.
    pub fn title(self) -> String {
        words(self.json("head").get("title"))
    }

    pub fn order(self) -> Vec<String> {
        let head = self.json("head");
        let order = head.get("order").and_then(Json::as_array);
        order
            .into_iter()
            .flatten()
            .filter_map(|code| code.as_str().map(str::to_owned))
            .collect()
    }

    /// Every piece with its words, in the order of the form; tracked.
    pub fn outline(self) -> Vec<(Piece, String)> {
        let mut lines = vec![(Piece::Head, t("template.head"))];
        for section in self.order() {
            let json = self.section_json(&section);
            let weight = json.get("weight").and_then(Json::as_u64).unwrap_or(0);
            lines.push((
                Piece::Section(section.clone()),
                format!("{section} {} ({weight})", words(json.get("title"))),
            ));
            for item in json.get("items").and_then(Json::as_array).into_iter().flatten() {
                let code = item["code"].as_str().unwrap_or_default().to_owned();
                let words = format!("{code} {}", words(item.get("title")));
                lines.push((Piece::Item(section.clone(), code), words));
            }
        }
        lines
    }

    /// The piece that a mistake's place names, the head when it names none; tracked.
    pub fn piece_named(self, place: &str) -> Piece {
        let named =
            |piece: &Piece| !piece.code().is_empty() && place.split_whitespace().next_back() == Some(&piece.code());
        let outline = untrack(|| self.outline());
        outline
            .into_iter()
            .map(|(piece, _)| piece)
            .find(named)
            .unwrap_or(Piece::Head)
    }

    /// The JSON of a piece; tracked.
    pub fn piece(self, piece: &Piece) -> Map<String, Json> {
        match piece {
            Piece::Head => self.json("head"),
            Piece::Section(code) => self.section_json(code),
            Piece::Item(section, code) => {
                let section = self.section_json(section);
                let items = section.get("items").and_then(Json::as_array);
                let found = items.into_iter().flatten().find(|item| item["code"] == **code);
                found.and_then(Json::as_object).cloned().unwrap_or_default()
            }
        }
    }

    /// Changes a piece and writes the part it lies in.
    pub fn change(self, piece: &Piece, change: impl FnOnce(&mut Map<String, Json>)) {
        match piece {
            Piece::Head => {
                let mut head = untrack(|| self.json("head"));
                change(&mut head);
                self.write("head", &head);
            }
            Piece::Section(code) => {
                let mut section = untrack(|| self.section_json(code));
                change(&mut section);
                self.write(&format!("section/{code}"), &section);
            }
            Piece::Item(section, code) => self.change_items(section, |items| {
                let found = items.iter_mut().find(|item| item["code"] == **code);
                if let Some(item) = found.and_then(Json::as_object_mut) {
                    change(item);
                }
            }),
        }
    }

    fn change_items(self, section: &str, change: impl FnOnce(&mut Vec<Json>)) {
        let mut json = untrack(|| self.section_json(section));
        let items = json.entry("items").or_insert_with(|| json!([]));
        if let Some(items) = items.as_array_mut() {
            change(items);
        }
        self.write(&format!("section/{section}"), &json);
    }

    /// A section of its own behind the others.
    pub fn add_section(self) -> Piece {
        let order = untrack(|| self.order());
        let code = (1..)
            .map(|n| format!("S{n}"))
            .find(|code| !order.contains(code))
            .unwrap_or_default();
        let section = json!({ "code": code, "title": ["", ""], "short": ["", ""], "weight": 0, "matter": "school_affairs", "items": [] });
        let mut head = untrack(|| self.json("head"));
        let mut all = order;
        all.push(code.clone());
        head.insert("order".into(), all.into());
        let edits = [
            (format!("section/{code}"), section.to_string()),
            ("head".to_owned(), Json::Object(head).to_string()),
        ];
        let edits = edits.map(|(path, text)| self.edit(&path, text.into()));
        self.commit(GroupKind::Edit, edits.into());
        Piece::Section(code)
    }

    /// A yes/no item behind the section's others.
    pub fn add_item(self, section: &str) -> Option<Piece> {
        let taken: Vec<String> = untrack(|| self.outline())
            .into_iter()
            .map(|(piece, _)| piece.code())
            .collect();
        let code = (1..)
            .map(|n| format!("{section}.{n}"))
            .find(|code| !taken.contains(code))?;
        let item = json!({ "code": code, "title": ["", ""], "help": ["", ""], "weight": 1, "severity": "L2" });
        self.change_items(section, |items| items.push(item));
        Some(Piece::Item(section.to_owned(), code))
    }

    /// Takes a section or an item out.
    pub fn remove(self, piece: &Piece) {
        match piece {
            Piece::Head => {}
            Piece::Section(code) => {
                let mut head = untrack(|| self.json("head"));
                let rest: Vec<String> = untrack(|| self.order())
                    .into_iter()
                    .filter(|known| known != code)
                    .collect();
                head.insert("order".into(), rest.into());
                let edits = vec![
                    self.edit("head", Json::Object(head).to_string().into()),
                    self.edit(&format!("section/{code}"), Value::Null),
                ];
                self.commit(GroupKind::Edit, edits);
            }
            Piece::Item(section, code) => {
                self.change_items(section, |items| items.retain(|item| item["code"] != **code))
            }
        }
    }

    /// Moves a section or an item up or down among its own.
    pub fn shift(self, piece: &Piece, by: isize) {
        match piece {
            Piece::Head => {}
            Piece::Section(code) => {
                let mut order = untrack(|| self.order());
                let at = order.iter().position(|known| known == code);
                if shift(&mut order, at, by) {
                    self.change(&Piece::Head, |head| {
                        head.insert("order".into(), order.into());
                    });
                }
            }
            Piece::Item(section, code) => self.change_items(section, |items| {
                let at = items.iter().position(|item| item["code"] == **code);
                shift(items, at, by);
            }),
        }
    }

    fn write(self, path: &str, json: &Map<String, Json>) {
        let text = Json::Object(json.clone()).to_string();
        if untrack(|| self.field(path)).text() != text {
            let edit = self.edit(path, text.into());
            self.commit(GroupKind::Edit, vec![edit]);
        }
    }

    fn edit(self, path: &str, value: Value) -> Edit {
        let shown = untrack(|| self.field(path)).shown();
        self.with_id(|id| Edit::new(id, path, value, shown))
    }

    pub fn commit(self, kind: GroupKind, edits: Vec<Edit>) {
        let bucket = untrack(|| self.with_id(|id| self.session.record(id))).map(|record| record.bucket().clone());
        if let Some(bucket) = bucket {
            self.session.change(&bucket, kind, edits);
        }
    }
}

fn shift<T>(all: &mut [T], at: Option<usize>, by: isize) -> bool {
    let to = at.and_then(|at| at.checked_add_signed(by)).filter(|to| *to < all.len());
    match (at, to) {
        (Some(at), Some(to)) => {
            all.swap(at, to);
            true
        }
        _ => false,
    }
}

/// A text of two languages in the reader's.
pub fn words(text: Option<&Json>) -> String {
    let nth = usize::from(lang() == catalog::Lang::En);
    let text = text.and_then(|text| text.get(nth)).and_then(Json::as_str);
    text.unwrap_or_default().to_owned()
}
