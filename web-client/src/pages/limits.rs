//! The dated limits: those for all with their source, the district's own before them, and the making of a new one. What is in force
//! is never changed; it is followed by another one from its day on.

use catalog::{Level, Limits, SCHOOL_BANDS, ThresholdRule, catalog};
use leptos::prelude::*;
use serde_json::{Map, Value as Json, json};
use sync_protocol::{BucketId, Edit, GroupKind, RecordId, Shown, Value};

use super::duty;
use crate::components::{Screen, option_word, state_word};
use crate::i18n::{self, join_dots, say, t, t_args};
use crate::known;
use crate::session::{new_record_id, use_session};

#[component]
pub fn LimitsPage() -> impl IntoView {
    let session = use_session();
    let may = Memo::new(move |_| duty::decides(session));
    let own = Memo::new(move |_| {
        let mut own: Vec<RecordId> = known::limits(session).map(|record| record.id().clone()).collect();
        own.sort();
        own
    });
    let rules = catalog().thresholds.iter().map(rule_row).collect_view();
    view! {
        <Screen title=Signal::derive(|| t("limits.title")) back="/templates" class="office">
            <Show when=move || may.get()>
                <NewLimit />
            </Show>
            <section class="panel">
                <header><h2>{move || t("limits.own")}</h2></header>
                <ul class="list flat">
                    <For each=move || own.get() key=|id| id.clone() children=move |id| view! { <OwnLimit id may /> } />
                </ul>
                <Show when=move || own.with(Vec::is_empty)>
                    <p class="q sm pad">{move || t("limits.none")}</p>
                </Show>
            </section>
            <section class="panel">
                <header><h2>{move || t("limits.for_all")}</h2></header>
                <ul class="list flat">{rules}</ul>
            </section>
        </Screen>
    }
}

fn rule_row(rule: &'static ThresholdRule) -> impl IntoView {
    view! { <li class="li">{move || rule_words(rule)}</li> }
}

/// Title, limit, days and source of a rule; drawn in the language of the moment.
fn rule_words(rule: &ThresholdRule) -> impl IntoView + use<> {
    let level = if rule.level == Level::Warn {
        t("limits.advice")
    } else {
        t("limits.red")
    };
    view! {
        <span class="grow">
            <b>{say(&rule.title)}</b> " " <span class="q xs">{rule.code.clone()}</span>
            <span class="block">{join_dots([limit_words(rule), level])}</span>
            <span class="q sm block">{join_dots([days_words(rule), say(&rule.basis)])}</span>
        </span>
    }
}

fn limit_words(rule: &ThresholdRule) -> String {
    let unit = say(&rule.unit);
    let one = |limit: &str| format!("{} {limit} {unit}", rule.op.sign());
    match &rule.limits {
        Limits::All(limit) => one(&limit.text),
        Limits::ByBand(limits) => join_dots(SCHOOL_BANDS.iter().filter_map(|band| {
            let limit = limits.get(*band)?;
            Some(format!("{} {}", option_word("school", "bands", band), one(&limit.text)))
        })),
        Limits::Steps(_) => t("limits.by_size"),
    }
}

fn days_words(rule: &ThresholdRule) -> String {
    let from = rule.effective_from.to_string();
    match rule.effective_to {
        Some(to) => t_args("limits.from_to", &[("from", &from), ("to", &to)]),
        None => t_args("limits.from", &[("from", &from)]),
    }
}

#[component]
fn OwnLimit(id: RecordId, may: Memo<bool>) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(id);
    let field = move |path: &str| id.with_value(|id| session.field(id, path));
    let state = Memo::new(move |_| field("state").text().to_owned());
    let words = move || match catalog::threshold_from_json(field("rule").text()) {
        Ok(rule) => rule_words(&rule).into_any(),
        Err(errors) => view! { <span class="grow warn sm">{errors.to_string()}</span> }.into_any(),
    };
    let retire = move |_| {
        let shown = untrack(|| field("state")).shown();
        let record = untrack(|| id.with_value(|id| session.record(id)));
        if let Some(record) = record {
            let edit = id.with_value(|id| Edit::new(id, "state", "retired".into(), shown));
            session.change(record.bucket(), GroupKind::Command, vec![edit]);
        }
    };
    view! {
        <li class="li" data-testid="own-limit">
            {words}
            <span class="q sm">{move || state_word("threshold", &state.get())}</span>
            <Show when=move || may.get() && state.get() == "published">
                <button class="btn" type="button" on:click=retire>{move || t("template.retire")}</button>
            </Show>
        </li>
    }
}

/// What is being typed for a new limit.
#[derive(Clone, Copy)]
struct Typed {
    code: RwSignal<String>,
    all: RwSignal<String>,
    by_band: [RwSignal<String>; 5],
    from: RwSignal<String>,
    to: RwSignal<String>,
    level: RwSignal<String>,
    basis_zh: RwSignal<String>,
    basis_en: RwSignal<String>,
}

impl Typed {
    fn rule(self) -> Option<&'static ThresholdRule> {
        self.code
            .with(|code| catalog().thresholds.iter().rfind(|rule| rule.code == *code))
    }

    /// As it is written in `thresholds.toml`.
    fn json(self) -> Option<Json> {
        let rule = self.rule()?;
        let text = |signal: RwSignal<String>| signal.with(|text| text.trim().to_owned());
        let mut json = json!({
            "code": rule.code, "title": [rule.title.zh, rule.title.en], "unit": [rule.unit.zh, rule.unit.en],
            "op": if rule.op == catalog::Op::AtLeast { "at_least" } else { "at_most" },
            "level": text(self.level), "effective_from": text(self.from), "basis": [text(self.basis_zh), text(self.basis_en)],
        });
        if !text(self.to).is_empty() {
            json["effective_to"] = text(self.to).into();
        }
        if matches!(rule.limits, Limits::ByBand(_)) {
            let limits = SCHOOL_BANDS.iter().zip(self.by_band);
            let limits = limits.map(|(band, limit)| ((*band).to_owned(), Json::from(text(limit))));
            json["limit_by_band"] = Json::Object(limits.filter(|(_, limit)| limit != "").collect::<Map<_, _>>());
        } else {
            json["limit"] = text(self.all).into();
        }
        Some(json)
    }
}

/// A limit of the district's own, from a day on.
#[component]
fn NewLimit() -> impl IntoView {
    let session = use_session();
    let empty = || RwSignal::new(String::new());
    let typed = Typed {
        code: empty(),
        all: empty(),
        by_band: [empty(), empty(), empty(), empty(), empty()],
        from: RwSignal::new(i18n::today_code()),
        to: empty(),
        level: RwSignal::new("red".to_owned()),
        basis_zh: empty(),
        basis_en: empty(),
    };
    let wrong = Memo::new(move |_| match typed.json() {
        None => Some(String::new()),
        Some(json) => catalog::threshold_from_json(&json.to_string())
            .err()
            .map(|errors| errors.to_string()),
    });
    let publish = move |_| {
        let (Some(json), Some(person)) = (untrack(|| typed.json()), untrack(|| session.person())) else {
            return;
        };
        let Ok(bucket) = format!("district/{}", person.district_id).parse::<BucketId>() else {
            return;
        };
        let id = new_record_id();
        let fields: [(&str, Value); 3] = [
            ("@kind", known::LIMIT.into()),
            ("rule", json.to_string().into()),
            ("state", "draft".into()),
        ];
        let draft = fields.map(|(path, value)| Edit::new(&id, path, value, Shown::nothing()));
        session.change(&bucket, GroupKind::Command, draft.into());
        let shown = untrack(|| session.field(&id, "state")).shown();
        session.change(
            &bucket,
            GroupKind::Command,
            vec![Edit::new(&id, "state", "published".into(), shown)],
        );
        typed.code.set(String::new());
    };
    let mut codes: Vec<(&str, &catalog::Text)> = catalog()
        .thresholds
        .iter()
        .map(|rule| (rule.code.as_str(), &rule.title))
        .collect();
    codes.dedup_by_key(|(code, _)| *code);
    let options = codes.into_iter().map(|(code, title)| {
        view! { <option value=code selected=move || typed.code.with(|chosen| chosen == code)>{move || format!("{} {code}", say(title))}</option> }
    });
    let text = |label: fn() -> String, key: &'static str, kind: &'static str, value: RwSignal<String>| {
        let id = format!("limit-{key}");
        view! {
            <div class="field">
                <label class="label" for=id.clone()>{label}</label>
                <input id=id class="box" type=kind maxlength="200" data-key=key bind:value=value />
            </div>
        }
    };
    let is_by_band = move || {
        typed
            .rule()
            .is_some_and(|rule| matches!(rule.limits, Limits::ByBand(_)))
    };
    let bands = move || {
        SCHOOL_BANDS
            .iter()
            .zip(typed.by_band)
            .map(|(band, value)| {
                let id = format!("limit-{band}");
                view! {
                    <div class="field">
                        <label class="label" for=id.clone()>{option_word("school", "bands", band)}</label>
                        <input id=id class="box" type="text" maxlength="12" data-key=*band bind:value=value />
                    </div>
                }
            })
            .collect_view()
    };
    view! {
        <section class="panel">
            <header><h2>{move || t("limits.new")}</h2></header>
            <div class="body piece-form">
                <div class="field">
                    <label class="label" for="limit-code">{move || t("limits.which")}</label>
                    <select id="limit-code" class="box" data-key="code" on:change=move |event| typed.code.set(event_target_value(&event))>
                        <option value="" selected=move || typed.code.with(String::is_empty)>{move || t("limits.choose")}</option>
                        {options.collect_view()}
                    </select>
                </div>
                <Show when=move || typed.rule().is_some()>
                    <p class="q sm">{move || typed.rule().map(limit_words)}</p>
                    <Show when=is_by_band fallback=move || text(|| t("limits.limit"), "limit", "text", typed.all)>
                        <div class="pair">{bands}</div>
                    </Show>
                    <div class="pair">
                        {text(|| t("limits.first_day"), "from", "date", typed.from)}
                        {text(|| t("limits.last_day"), "to", "date", typed.to)}
                        <div class="field">
                            <label class="label" for="limit-level">{move || t("limits.level")}</label>
                            <select id="limit-level" class="box" on:change=move |event| typed.level.set(event_target_value(&event))>
                                <option value="red">{move || t("limits.red")}</option>
                                <option value="warn">{move || t("limits.advice")}</option>
                            </select>
                        </div>
                    </div>
                    <div class="pair">
                        {text(|| t("limits.basis_zh"), "basis.zh", "text", typed.basis_zh)}
                        {text(|| t("limits.basis_en"), "basis.en", "text", typed.basis_en)}
                    </div>
                    <p class="warn sm" role="status" lang="en">{move || wrong.get()}</p>
                    <button class="btn main" type="button" data-testid="publish-limit" disabled=move || wrong.with(Option::is_some) on:click=publish>{move || t("limits.publish")}</button>
                    <p class="q xs">{move || t("limits.hint")}</p>
                </Show>
            </div>
        </section>
    }
}
