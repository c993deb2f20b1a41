//! Codes that come from records or from the server, said in the reader's language.

use catalog::{Choice, Severity, catalog};

use crate::i18n::{knows, lang, say, t, t_args};
use crate::session::ApiError;

/// "L4 重大隐患" · "L4 critical".
pub fn severity_word(severity: Severity) -> String {
    format!("{} {}", severity.code(), severity.label(lang()))
}

/// The name of a role.
pub fn role_word(role: &str) -> String {
    catalog()
        .roles
        .iter()
        .find(|known| known.code == role)
        .map_or_else(|| role.to_owned(), |known| say(&known.title))
}

/// Where a record of this kind stands.
pub fn state_word(kind: &str, state: &str) -> String {
    let workflow = catalog().kind(kind).and_then(|kind| kind.workflow.as_ref());
    // Where nothing moved yet, the first state is meant.
    let is_meant = |known: &&Choice| state.is_empty() || known.code == state;
    let found = workflow.and_then(|workflow| workflow.states.iter().find(is_meant));
    found.map_or_else(|| state.to_owned(), |known| say(&known.label))
}

/// The name of one of a field's options, such as a school's type.
pub fn option_word(kind: &str, path: &str, code: &str) -> String {
    let field = catalog().kind(kind).and_then(|kind| kind.field(path));
    let found = field.and_then(|field| field.options.iter().find(|option| option.code == code));
    found.map_or_else(|| code.to_owned(), |option| say(&option.label))
}

/// Why the office did not let a piece of work take effect.
pub fn refusal_words(code: &str) -> String {
    let known = format!("refused.{code}");
    if knows(&known) {
        t(&known)
    } else {
        t_args("refused.other", &[("code", &code)])
    }
}

/// What its author can do about a piece of work that the office turned down.
pub fn next_words(code: &str) -> String {
    let known = format!("next.{code}");
    t(if knows(&known) { &known } else { "next.other" })
}

/// Why a piece of work waits for the office's decision, said to the office.
pub fn kept_words(code: &str) -> String {
    let known = format!("kept.{code}");
    if knows(&known) { t(&known) } else { refusal_words(code) }
}

/// What went wrong with a request, that the work is safe, and what to do.
pub fn error_words(error: &ApiError) -> String {
    let by_code = format!("error.{}", error.code);
    if knows(&by_code) {
        return t(&by_code);
    }
    match error.status {
        0 => t("error.no_network"),
        401 => t("error.signed_out"),
        403 | 404 => t("error.not_found"),
        429 => t("error.too_many"),
        _ => t("error.server"),
    }
}
