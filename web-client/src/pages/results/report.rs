//! The month's report as the server sends it, narrowed by the filters, and the rows behind each number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::Severity;
use serde::Deserialize;

use crate::components::severity_word;
use crate::i18n::{say, t, t_args};
use crate::known;

/// The month, with a year of coverage up to it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Report {
    /// When the server looked, RFC 3339 UTC.
    pub as_of: String,
    pub month: String,
    pub zones: Vec<Named>,
    pub schools: Vec<School>,
    pub supervisors: Vec<Named>,
    pub visits: Vec<Visit>,
    pub coverage: Vec<Coverage>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct School {
    pub id: String,
    pub name: String,
    pub zone: Option<String>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Visit {
    pub id: String,
    pub school: String,
    pub zone: Option<String>,
    pub lead: Option<String>,
    pub state: String,
    pub visit_date: Option<String>,
    pub submitted_at: Option<String>,
    pub received_at: Option<String>,
    /// Fields of the visit's own record on which people differ; [`Visit::differing`] counts the whole visit.
    #[serde(default)]
    conflicts: u32,
    #[serde(default)]
    pub responses: Vec<Response>,
    #[serde(default)]
    pub findings: Vec<Finding>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Response {
    pub id: String,
    pub template: String,
    pub version: u32,
    pub score: Option<String>,
    pub band: Option<String>,
    pub rated: bool,
    #[serde(default)]
    pub caps: Vec<Cap>,
    #[serde(default)]
    pub failed: Vec<String>,
    #[serde(default)]
    pub answered: u32,
    #[serde(default)]
    pub applicable: u32,
    #[serde(default)]
    conflicts: u32,
}

impl Visit {
    /// Fields on which people differ, in the visit and in all that was filled in on it.
    pub fn differing(&self) -> u32 {
        self.conflicts + self.responses.iter().map(|response| response.conflicts).sum::<u32>()
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Cap {
    pub item: String,
    pub band: String,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Finding {
    pub id: String,
    pub item: Option<String>,
    pub severity: Option<String>,
    pub state: Option<String>,
    pub title: Option<String>,
    #[serde(default)]
    pub withdrawn: bool,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Coverage {
    pub school: String,
    pub months: Vec<Month>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Month {
    pub month: String,
    pub submitted: u32,
    pub draft: u32,
}

impl Visit {
    pub fn submitted(&self) -> bool {
        crate::pages::duty::is_submitted(&self.state)
    }
    /// Findings that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.withdrawn)
    }
    /// Findings that stand and wait for somebody.
    pub fn open_findings(&self) -> impl Iterator<Item = &Finding> {
        self.standing()
            .filter(|finding| !matches!(finding.state.as_deref(), Some("closed" | "void" | "fixed_on_spot")))
    }
    pub fn not_rated(&self) -> bool {
        self.submitted() && self.responses.iter().any(|response| !response.rated)
    }
    /// What the newest-first order goes by: when it was handed in, else the day of the visit; ms since 1970.
    pub fn made_ms(&self) -> f64 {
        let made = self.submitted_at.as_deref().or(self.visit_date.as_deref());
        made.map_or(0.0, crate::i18n::ms_of)
    }
    /// When the server got it, ms since 1970.
    pub fn came_ms(&self) -> f64 {
        self.received_at
            .as_deref()
            .map_or_else(|| self.made_ms(), crate::i18n::ms_of)
    }
}

impl Finding {
    pub fn grade(&self) -> Option<Severity> {
        Severity::from_code(self.severity.as_deref()?)
    }
}

impl Response {
    /// The score in points, when there is one.
    pub fn points(&self) -> Option<f64> {
        self.score.as_ref()?.parse().ok()
    }
    /// The place of its band among the checklist's bands, and its label.
    pub fn band_label(&self) -> Option<(usize, String)> {
        band_label(&self.template, self.version, self.band.as_deref()?)
    }
}

/// A band's place and label by its code.
pub fn band_label(template: &str, version: u32, code: &str) -> Option<(usize, String)> {
    let checklist = known::checklist(template, version)?;
    let at = checklist.bands.iter().position(|band| band.code == code)?;
    Some((at, say(&checklist.bands[at].label)))
}

/// What the filters leave of a report. Cheap to clone.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Selected {
    pub month: String,
    pub zones: Arc<Vec<Named>>,
    pub schools: Arc<Vec<School>>,
    pub supervisors: Arc<Vec<Named>>,
    /// Newest first.
    pub visits: Arc<Vec<Visit>>,
    pub coverage: Arc<Vec<Coverage>>,
}

impl Selected {
    pub fn school(&self, id: &str) -> String {
        self.schools
            .iter()
            .find(|school| school.id == id)
            .map_or_else(|| t("school.unnamed"), |school| school.name.clone())
    }
    pub fn supervisor(&self, id: &str) -> String {
        self.supervisors
            .iter()
            .find(|person| person.id == id)
            .map_or_else(|| id.chars().take(8).collect(), |person| person.name.clone())
    }
    pub fn zone(&self, id: &str) -> String {
        self.zones
            .iter()
            .find(|zone| zone.id == id)
            .map_or_else(String::new, |zone| zone.name.clone())
    }
    pub fn submitted(&self) -> impl Iterator<Item = &Visit> {
        self.visits.iter().filter(|visit| visit.submitted())
    }
    /// Checklists that were filled in, in the catalog's order.
    pub fn templates(&self) -> Vec<String> {
        let used: BTreeSet<&str> = self
            .visits
            .iter()
            .flat_map(|visit| &visit.responses)
            .map(|response| response.template.as_str())
            .collect();
        let mut order: Vec<String> = Vec::new();
        for checklist in known::all() {
            if used.contains(checklist.code.as_str()) && !order.contains(&checklist.code) {
                order.push(checklist.code.clone());
            }
        }
        order
    }
    /// Submitted scores of a checklist, lowest first, with the visit each came from.
    pub fn scores(&self, template: &str) -> Vec<(f64, String)> {
        let mut scores: Vec<(f64, String)> = self
            .submitted()
            .flat_map(|visit| visit.responses.iter().map(move |response| (visit, response)))
            .filter(|(_, response)| response.template == template)
            .filter_map(|(visit, response)| Some((response.points()?, visit.id.clone())))
            .collect();
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        scores
    }
    /// Visits whose school or lead matches what was typed.
    pub fn search(&self, typed: &str) -> Vec<Visit> {
        let typed = typed.trim().to_lowercase();
        let says = |words: String| words.to_lowercase().contains(&typed);
        let matches = |visit: &&Visit| {
            typed.is_empty()
                || says(self.school(&visit.school))
                || visit.lead.as_deref().is_some_and(|lead| says(self.supervisor(lead)))
        };
        self.visits.iter().filter(matches).cloned().collect()
    }
}

impl Selected {
    /// Schools without a submitted visit this month.
    pub fn unvisited(&self) -> Vec<School> {
        let visited: BTreeSet<&str> = self.submitted().map(|visit| visit.school.as_str()).collect();
        let missing = |school: &&School| {
            self.coverage.iter().any(|row| row.school == school.id) && !visited.contains(school.id.as_str())
        };
        self.schools.iter().filter(missing).cloned().collect()
    }
}

/// The median of numbers that are in order.
pub fn median(ordered: &[f64]) -> Option<f64> {
    let half = ordered.len() / 2;
    match ordered.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(ordered[half]),
        _ => Some(f64::midpoint(ordered[half - 1], ordered[half])),
    }
}

/// How often an item failed in each zone and overall: (failed, records) by zone id; the empty id is all of them.
pub fn fails_by_zone(selected: &Selected, template: &str) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut fails: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for visit in selected.submitted() {
        for response in visit.responses.iter().filter(|response| response.template == template) {
            for item in &response.failed {
                let row = fails.entry(item.clone()).or_default();
                *row.entry(String::new()).or_default() += 1;
                if let Some(zone) = &visit.zone {
                    *row.entry(zone.clone()).or_default() += 1;
                }
            }
        }
    }
    fails
}

/// Submitted records of a checklist by zone id; the empty id is all of them.
pub fn records_by_zone(selected: &Selected, template: &str) -> BTreeMap<String, u32> {
    let mut records: BTreeMap<String, u32> = BTreeMap::new();
    for visit in selected.submitted() {
        let filled = visit
            .responses
            .iter()
            .filter(|response| response.template == template)
            .count();
        let filled = u32::try_from(filled).unwrap_or(u32::MAX);
        *records.entry(String::new()).or_default() += filled;
        if let Some(zone) = &visit.zone {
            *records.entry(zone.clone()).or_default() += filled;
        }
    }
    records
}

/// Which rows a number opens; written in the address as `rows=…`.
#[derive(Clone, PartialEq, Debug)]
pub enum Rows {
    Submitted,
    Unsubmitted,
    Covered,
    OpenFindings,
    OfGrade(Severity),
    Conflicts,
    NotRated,
    OfSchool(String),
    /// Failed records of an item, in one zone or (empty) in all.
    OfItem {
        item: String,
        zone: String,
    },
    OfTemplate(String),
    /// Submitted records of a band.
    OfBand(String),
    /// Schools nobody visited this month.
    Unvisited,
}

impl Rows {
    pub fn from_code(code: &str) -> Option<Self> {
        if let Some(grade) = Severity::from_code(code) {
            return Some(Self::OfGrade(grade));
        }
        let parts: Vec<&str> = code.split(':').collect();
        match parts.as_slice() {
            ["submitted"] => Some(Self::Submitted),
            ["unsubmitted"] => Some(Self::Unsubmitted),
            ["covered"] => Some(Self::Covered),
            ["findings"] => Some(Self::OpenFindings),
            ["conflicts"] => Some(Self::Conflicts),
            ["not-rated"] => Some(Self::NotRated),
            ["school", id] => Some(Self::OfSchool((*id).to_owned())),
            ["item", item] => Some(Self::OfItem {
                item: (*item).to_owned(),
                zone: String::new(),
            }),
            ["item", item, zone] => Some(Self::OfItem {
                item: (*item).to_owned(),
                zone: (*zone).to_owned(),
            }),
            ["band", band] => Some(Self::OfBand((*band).to_owned())),
            ["unvisited"] => Some(Self::Unvisited),
            ["scores", template] => Some(Self::OfTemplate((*template).to_owned())),
            _ => None,
        }
    }

    pub fn code(&self) -> String {
        match self {
            Self::Submitted => "submitted".to_owned(),
            Self::Unsubmitted => "unsubmitted".to_owned(),
            Self::Covered => "covered".to_owned(),
            Self::OpenFindings => "findings".to_owned(),
            Self::OfGrade(grade) => grade.code().to_owned(),
            Self::Conflicts => "conflicts".to_owned(),
            Self::NotRated => "not-rated".to_owned(),
            Self::OfSchool(id) => format!("school:{id}"),
            Self::OfItem { item, zone } if zone.is_empty() => format!("item:{item}"),
            Self::OfItem { item, zone } => format!("item:{item}:{zone}"),
            Self::OfTemplate(template) => format!("scores:{template}"),
            Self::OfBand(band) => format!("band:{band}"),
            Self::Unvisited => "unvisited".to_owned(),
        }
    }

    /// What the panel is called; tracked by language.
    pub fn title(&self, selected: &Selected) -> String {
        match self {
            Self::Submitted => t("rows.submitted"),
            Self::Unsubmitted => t("rows.unsubmitted"),
            Self::Covered => t("rows.covered"),
            Self::OpenFindings => t("rows.findings"),
            Self::OfGrade(grade) => t_args("rows.of_grade", &[("grade", &severity_word(*grade))]),
            Self::Conflicts => t("rows.conflicts"),
            Self::NotRated => t("rows.not_rated"),
            Self::OfSchool(id) => selected.school(id),
            Self::OfItem { item, zone } => {
                let place = if zone.is_empty() {
                    t("results.all_zones")
                } else {
                    selected.zone(zone)
                };
                t_args("rows.of_item", &[("item", item), ("zone", &place)])
            }
            Self::OfTemplate(template) => {
                known::latest(template).map_or_else(|| template.clone(), |checklist| say(&checklist.title))
            }
            Self::OfBand(band) => selected
                .submitted()
                .flat_map(|visit| &visit.responses)
                .find(|response| response.band.as_deref() == Some(band))
                .and_then(Response::band_label)
                .map_or_else(|| band.clone(), |(_, label)| label),
            Self::Unvisited => t("rows.unvisited"),
        }
    }

    pub fn of_findings(&self) -> bool {
        matches!(self, Self::OpenFindings | Self::OfGrade(_))
    }

    pub fn of_schools(&self) -> bool {
        *self == Self::Unvisited
    }

    pub fn visits(&self, selected: &Selected) -> Vec<Visit> {
        selected
            .visits
            .iter()
            .filter(|visit| self.takes(visit))
            .cloned()
            .collect()
    }

    /// Findings with their visit.
    pub fn findings(&self, selected: &Selected) -> Vec<(Visit, Finding)> {
        let mut found: Vec<(Visit, Finding)> = selected
            .visits
            .iter()
            .flat_map(|visit| visit.open_findings().map(move |finding| (visit, finding)))
            .filter(|(_, finding)| match self {
                Self::OfGrade(grade) => finding.grade() == Some(*grade),
                _ => true,
            })
            .map(|(visit, finding)| (visit.clone(), finding.clone()))
            .collect();
        found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.grade()));
        found
    }

    fn takes(&self, visit: &Visit) -> bool {
        match self {
            Self::Submitted | Self::Covered => visit.submitted(),
            Self::Unsubmitted => !visit.submitted(),
            Self::OpenFindings | Self::OfGrade(_) => visit.open_findings().next().is_some(),
            Self::Conflicts => visit.differing() > 0,
            Self::NotRated => visit.not_rated(),
            Self::OfSchool(id) => visit.school == *id,
            Self::OfItem { item, zone } => {
                let here = zone.is_empty() || visit.zone.as_ref() == Some(zone);
                visit.submitted() && here && visit.responses.iter().any(|response| response.failed.contains(item))
            }
            Self::OfTemplate(template) => {
                visit.submitted()
                    && visit
                        .responses
                        .iter()
                        .any(|response| response.template == *template && response.score.is_some())
            }
            Self::OfBand(band) => {
                visit.submitted()
                    && visit
                        .responses
                        .iter()
                        .any(|response| response.band.as_deref() == Some(band))
            }
            Self::Unvisited => false,
        }
    }
}
