//! Passkeys (WebAuthn) as a second factor: what a browser is asked, and whether its answer is good. Knows one name that they belong to; the
//! rows are in `store/passkeys.rs`.

use anyhow::Context;
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, CredentialID, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Whom authenticators show the keys to be for.
const RP_NAME: &str = "督行 Duxing";

/// Asks and checks for one name.
#[derive(Debug)]
pub struct Passkeys {
    name: String,
    webauthn: Webauthn,
}

/// What is sent to the browser, and what must be kept until it answers.
#[derive(Debug)]
pub struct Asked {
    /// Goes to `navigator.credentials`.
    pub options: Value,
    /// Stays here.
    pub state: Value,
}

/// What an answer at sign-in proves.
#[derive(Debug)]
pub enum Verdict {
    /// Whoever answered holds this passkey.
    Good(AuthenticationResult),
    /// The counter of this credential did not go up: there may be a copy of it.
    Copied(CredentialID),
    /// Nothing.
    Wrong,
}

impl Passkeys {
    /// For pages at this address; `None` where its host is a number, to which no passkey can belong.
    pub fn at(url: &Url) -> Option<Self> {
        let name = url.domain()?.to_owned();
        let webauthn = WebauthnBuilder::new(&name, url).ok()?.rp_name(RP_NAME);
        // Whoever tries Duxing out takes whichever port is free.
        let webauthn = webauthn.allow_any_port(name == "localhost").build().ok()?;
        Some(Passkeys { name, webauthn })
    }

    /// For pages at `http://localhost`, whatever the port.
    pub fn local() -> Option<Self> {
        Self::at(&Url::parse("http://localhost").ok()?)
    }

    /// The name that they belong to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks for a new passkey, other than those that are known.
    pub fn ask_for_new(&self, person: Uuid, login: &str, name: &str, known: &[Passkey]) -> anyhow::Result<Asked> {
        let known = known.iter().map(|passkey| passkey.cred_id().clone()).collect();
        let asked = self
            .webauthn
            .start_passkey_registration(person, login, name, Some(known));
        let (options, state) = asked.context("a passkey cannot be asked for")?;
        Ok(Asked {
            options: serde_json::to_value(options).context("options are JSON")?,
            state: serde_json::to_value(state).context("state is JSON")?,
        })
    }

    /// The new passkey, if the answer is one.
    pub fn new_one(&self, answer: Value, state: Value) -> Option<Passkey> {
        let answer: RegisterPublicKeyCredential = serde_json::from_value(answer).ok()?;
        let state: PasskeyRegistration = serde_json::from_value(state).ok()?;
        let made = self.webauthn.finish_passkey_registration(&answer, &state);
        made.inspect_err(|refused| tracing::info!(%refused, "a new passkey is refused"))
            .ok()
    }

    /// Asks for a proof with one of these.
    pub fn ask(&self, known: &[Passkey]) -> anyhow::Result<Asked> {
        let asked = self.webauthn.start_passkey_authentication(known);
        let (options, state) = asked.context("passkeys cannot be asked for")?;
        Ok(Asked {
            options: serde_json::to_value(options).context("options are JSON")?,
            state: serde_json::to_value(state).context("state is JSON")?,
        })
    }

    /// What the answer proves. The state knows the passkeys as they were when they were asked for: whoever calls compares with those of now.
    pub fn judge(&self, answer: Value, state: Value) -> Verdict {
        let answer: Result<PublicKeyCredential, _> = serde_json::from_value(answer);
        let state: Result<PasskeyAuthentication, _> = serde_json::from_value(state);
        let (Ok(answer), Ok(state)) = (answer, state) else {
            return Verdict::Wrong;
        };
        match self.webauthn.finish_passkey_authentication(&answer, &state) {
            Ok(result) => Verdict::Good(result),
            Err(WebauthnError::CredentialPossibleCompromise) => Verdict::Copied(answer.raw_id),
            Err(refused) => {
                tracing::info!(%refused, "a passkey's answer is refused");
                Verdict::Wrong
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_belong_to_a_name_and_to_no_number() {
        let at = |text: &str| Passkeys::at(&Url::parse(text).unwrap()).map(|passkeys| passkeys.name().to_owned());
        assert_eq!(at("https://duxing.example").as_deref(), Some("duxing.example"));
        assert_eq!(at("http://localhost:8080").as_deref(), Some("localhost"));
        assert_eq!(at("http://127.0.0.1:8080"), None);
        assert_eq!(at("https://192.0.2.7"), None);
        assert_eq!(Passkeys::local().unwrap().name(), "localhost");
    }
}
