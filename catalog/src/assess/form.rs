//! The answers of one response with what is shown and what each name in an expression stands for. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checklist::{Checklist, FactKind, InputKind, Item, ItemKind, band_of_grade},
    date::Day,
    expression::Meanings,
    fraction::Fraction,
    threshold::{self, Number, ThresholdRule},
    value::{Answers, Value},
};

pub struct Form<'c, 'a> {
    pub checklist: &'c Checklist,
    pub answers: &'a Answers,
    /// The day of the visit.
    pub on: Option<Day>,
    /// Values of the items that are shown. A hidden item has none, so it cannot show another one.
    values: BTreeMap<&'c str, Value>,
}

impl<'c, 'a> Form<'c, 'a> {
    pub fn read(checklist: &'c Checklist, answers: &'a Answers) -> Form<'c, 'a> {
        let mut form = Form::with(checklist, answers, BTreeMap::new());
        for place in &checklist.evaluation_order {
            form.read_item(*place);
        }
        form
    }

    /// The answers with what is known of them from before.
    pub fn with(checklist: &'c Checklist, answers: &'a Answers, values: BTreeMap<&'c str, Value>) -> Form<'c, 'a> {
        Form {
            checklist,
            answers,
            on: answers.get("on").and_then(Value::as_text).and_then(Day::parse),
            values,
        }
    }

    /// Reads these items again, in the order of evaluation.
    pub fn read_again(&mut self, places: &BTreeSet<(usize, usize)>) {
        let checklist = self.checklist;
        for place in checklist.evaluation_order.iter().filter(|place| places.contains(place)) {
            self.read_item(*place);
        }
    }

    fn read_item(&mut self, (section, index): (usize, usize)) {
        let of = &self.checklist.sections[section];
        let item = &of.items[index];
        let mut conditions = of.show_if.iter().chain(&item.show_if);
        let shown = self.in_scope(section) && conditions.all(|condition| condition.holds(self));
        if shown {
            let value = self.answer(item);
            self.values.insert(&item.code, value);
        } else {
            self.values.remove(item.code.as_str());
        }
    }

    pub fn into_values(self) -> BTreeMap<&'c str, Value> {
        self.values
    }

    pub fn places(&self) -> impl Iterator<Item = (usize, &'c Item)> + use<'c> {
        let sections = self.checklist.sections.iter().enumerate();
        sections.flat_map(|(index, section)| section.items.iter().map(move |item| (index, item)))
    }

    /// The sections that were asked for, when not all of them were (`domain.md` B24).
    pub fn scope(&self) -> Option<&'a [Value]> {
        match self.answers.get("scope") {
            Some(Value::List(sections)) if !sections.is_empty() => Some(sections),
            _ => None,
        }
    }

    /// Sections without points, such as the signatures, belong to every scope.
    fn in_scope(&self, section: usize) -> bool {
        let section = &self.checklist.sections[section];
        let named = |scope: &[Value]| scope.iter().any(|code| code.as_text() == Some(&section.code));
        section.weight == 0 || self.scope().is_none_or(named)
    }

    /// The value of an item, when it is shown.
    pub fn shown(&self, item: &Item) -> Option<&Value> {
        self.values.get(item.code.as_str())
    }

    /// Whether nobody answered the item itself.
    pub fn is_blank_answer(&self, item: &Item) -> bool {
        self.shown(item).is_none_or(Value::is_blank)
    }

    /// A field of an item by its suffix.
    pub fn part(&self, item: &Item, suffix: &str) -> Option<&'a Value> {
        self.answers.get(&format!("{}/{suffix}", item.code))
    }

    pub fn is_blank(&self, item: &Item, suffix: &str) -> bool {
        self.part(item, suffix).is_none_or(Value::is_blank)
    }

    /// The fields of an item under one prefix, as (last part, value): its classes, its snapshots.
    pub fn parts(&self, item: &Item, prefix: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let start = format!("{}/{prefix}/", item.code);
        let range = self.answers.range(start.clone()..);
        range.map_while(move |(path, value)| Some((path.strip_prefix(&start)?, value)))
    }

    /// The school bands the form is about: the observed grade's, or all of the school's.
    pub fn bands(&self) -> Vec<&str> {
        if let Some(code) = &self.checklist.grade_item {
            let grade = self.value_of(code).as_number().map(Fraction::parts);
            let band = grade.and_then(|(grade, _)| band_of_grade(i64::try_from(grade).ok()?));
            return band.into_iter().collect();
        }
        match self.answers.get("fact/bands") {
            Some(Value::List(bands)) => bands.iter().filter_map(Value::as_text).collect(),
            _ => Vec::new(),
        }
    }

    /// The rule of this code in force on the day of the visit.
    pub fn rule(&self, code: &str) -> Option<&'c ThresholdRule> {
        let district = self.checklist.district.as_deref();
        threshold::in_force(&self.checklist.thresholds, code, self.on?, district)
    }

    fn value_of(&self, name: &str) -> Value {
        self.fact(name)
            .or_else(|| self.values.get(name).cloned())
            .unwrap_or_default()
    }

    /// A fact of the checklist, null when it is not known or malformed.
    fn fact(&self, name: &str) -> Option<Value> {
        let fact = self.checklist.fact(name)?;
        let value = self.answers.get(&format!("fact/{name}")).cloned().unwrap_or_default();
        let fits = match (&fact.kind, &value) {
            (FactKind::YesNo, Value::Bool(_)) | (FactKind::Bands, Value::List(_)) => true,
            (FactKind::Number, number) => number.as_number().is_some_and(|n| n.is_whole() && !n.is_negative()),
            (FactKind::One { options }, Value::Text(code)) => options.iter().any(|option| option.code == *code),
            _ => false,
        };
        Some(if fits { value } else { Value::Null })
    }

    /// The answer to an item, null when there is none or it is malformed.
    fn answer(&self, item: &Item) -> Value {
        let given = self.answers.get(&item.code).cloned().unwrap_or_default();
        let one_of = |codes: &[&str]| given.as_text().is_some_and(|code| codes.contains(&code));
        let fits = match &item.kind {
            ItemKind::YesNo => one_of(&["yes", "no", "na"]),
            ItemKind::Scale { .. } => one_of(&["4", "3", "2", "1", "na"]),
            ItemKind::Measured | ItemKind::Samples(_) | ItemKind::Snap(_) => one_of(&["na"]),
            ItemKind::One { options } => {
                let is_option = |value: &Value| options.iter().any(|option| value.as_text() == Some(&option.code));
                let by_default = || item.default_fact.as_ref().and_then(|fact| self.fact(fact)).map(as_code);
                return Some(given)
                    .filter(is_option)
                    .or_else(|| by_default().filter(is_option))
                    .unwrap_or_default();
            }
            ItemKind::Many { .. }
            | ItemKind::Text
            | ItemKind::Notes
            | ItemKind::Photo
            | ItemKind::Sign
            | ItemKind::Info => true,
        };
        if fits { given } else { Value::Null }
    }

    /// The number of an input; the days until the visit for a date, the minutes since midnight for a time. Nothing when it
    /// is not there or cannot be true.
    pub fn measured(&self, item: &Item, suffix: &str) -> Option<Number> {
        let value = self.part(item, suffix)?;
        let kind = item.input(suffix)?.kind;
        let number = match kind {
            InputKind::Date => Number::whole(self.on?.days_since(Day::parse(value.as_text()?)?)),
            InputKind::Time => Number::parse_time(value.as_text()?)?,
            InputKind::Int | InputKind::Decimal | InputKind::Percent | InputKind::Minutes => written_number(value)?,
        };
        let possible = match kind {
            InputKind::Int | InputKind::Date | InputKind::Minutes | InputKind::Time => number.exact.is_whole(),
            InputKind::Percent => number.exact <= Fraction::whole(100),
            InputKind::Decimal => true,
        };
        (possible && !number.exact.is_negative()).then_some(number)
    }
}

impl Meanings for Form<'_, '_> {
    fn value(&self, name: &str) -> Value {
        self.value_of(name)
    }

    fn number(&self, item: &str, suffix: &str) -> Option<Fraction> {
        let item = self.checklist.item(item)?;
        self.shown(item)?;
        Some(self.measured(item, suffix)?.exact)
    }

    fn limit(&self, code: &str) -> Option<Fraction> {
        Some(self.rule(code)?.limit(self.answers, &self.bands())?.exact)
    }
}

fn as_code(fact: Value) -> Value {
    match fact {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        other => other,
    }
}

fn written_number(value: &Value) -> Option<Number> {
    match value {
        Value::Int(n) => Some(Number::whole(*n)),
        Value::Text(text) => Number::parse(text),
        Value::Null | Value::Bool(_) | Value::List(_) => None,
    }
}
