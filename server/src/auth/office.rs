//! Who may change whose rights, and the acting person's password asked once more. Decides; writes nothing.

use std::time::Instant;

use actix_web::HttpRequest;
use diesel_async::AsyncPgConnection;

use crate::AppState;
use crate::auth::actor::Actor;
use crate::auth::password::Caller;
use crate::auth::throttle::{Visitor, address};
use crate::error::{Code, Refused, Result};
use crate::store::accounts::{self, Account};
use crate::store::people;
use crate::store::purpose::within;

const ADMIN: &str = "admin";
const COORDINATOR: &str = "coordinator";
/// The longest password that is looked at, in characters.
pub const LONGEST_PASSWORD: usize = 1000;

/// Refuses `forbidden` to everybody but coordinators and administrators.
pub fn office_only(actor: &Actor) -> Result<(), Refused> {
    match is_office(&actor.roles) || !actor.first_lock {
        true => Ok(()),
        false => Err(Refused(Code::Forbidden)),
    }
}

/// Refuses `forbidden` to everybody but administrators.
pub fn admin_only(actor: &Actor) -> Result<(), Refused> {
    match has(&actor.roles, ADMIN) || !actor.first_lock {
        true => Ok(()),
        false => Err(Refused(Code::Forbidden)),
    }
}

/// Refuses `forbidden` to everybody but coordinators: who complained is no business of whoever administers accounts.
pub fn coordinator_only(actor: &Actor) -> Result<(), Refused> {
    match has(&actor.roles, COORDINATOR) || !actor.first_lock {
        true => Ok(()),
        false => Err(Refused(Code::Forbidden)),
    }
}

/// Asks for the acting person's password once more: who finds a desk unlocked changes nobody's rights.
///
/// Refuses `password.wrong`, and like a sign-in `session.too_many_tries`.
pub async fn confirm(app: &AppState, actor: &Actor, request: &HttpRequest, password: String) -> Result<()> {
    if !(1..=LONGEST_PASSWORD).contains(&password.chars().count()) {
        return Err(Code::PasswordWrong.into());
    }
    let mut conn = app.pool.get().await?;
    let person = within(&mut conn, actor.reading(), async |conn| {
        people::by_id(conn, actor.district, actor.person).await
    });
    let person = person.await?;
    drop(conn);
    let visitor = Visitor {
        login: person.login,
        address: address(request),
        device: actor.device,
        known_device: true,
    };
    app.throttle.admit(&visitor, Instant::now())?;
    if !app.hasher.verify(Caller::Known, password, person.password_hash).await? {
        return Err(Code::PasswordWrong.into());
    }
    app.throttle.succeeded(&visitor);
    Ok(())
}

/// The acting person as they stand inside the transaction: rights may have gone while the password was looked at.
pub async fn acting(conn: &mut AsyncPgConnection, actor: &Actor) -> Result<Account> {
    let account = accounts::lock(conn, actor.district, actor.person).await?;
    account
        .filter(|account| account.status == "active" && is_office(&account.roles))
        .ok_or_else(|| Code::Forbidden.into())
}

/// The same for what only an administrator does.
pub async fn acting_admin(conn: &mut AsyncPgConnection, actor: &Actor) -> Result<()> {
    let account = acting(conn, actor).await?;
    match has(&account.roles, ADMIN) {
        true => Ok(()),
        false => Err(Code::Forbidden.into()),
    }
}

/// Whether `acting` may do anything at all about somebody with these roles.
pub fn may_touch(acting: &Account, roles: &[String]) -> Result<(), Refused> {
    match has(roles, ADMIN) && !has(&acting.roles, ADMIN) {
        true => Err(Refused(Code::AdminOnly)),
        false => Ok(()),
    }
}

/// Whether `acting` may turn an account from `before` into `after`, when there are so many other administrators.
pub fn may_change(acting: &Account, before: &Account, after: &Account, other_admins: i64) -> Result<(), Refused> {
    may_touch(acting, &before.roles)?;
    may_touch(acting, &after.roles)?;
    if acting.id == before.id {
        let gains = after.roles.iter().any(|role| !has(&before.roles, role));
        if gains || after.status != "active" || !is_office(&after.roles) {
            return Err(Refused(Code::Yourself));
        }
    }
    let administers = |account: &Account| account.status == "active" && has(&account.roles, ADMIN);
    match administers(before) && !administers(after) && other_admins == 0 {
        true => Err(Refused(Code::LastAdmin)),
        false => Ok(()),
    }
}

fn is_office(roles: &[String]) -> bool {
    has(roles, ADMIN) || has(roles, COORDINATOR)
}

fn has(roles: &[String], role: &str) -> bool {
    roles.iter().any(|own| own == role)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn account(id: u128, roles: &[&str], status: &str) -> Account {
        Account {
            id: Uuid::from_u128(id),
            login: "n".into(),
            name: "n".into(),
            roles: roles.iter().map(|role| role.to_string()).collect(),
            zone_id: None,
            status: status.into(),
            enrolled: true,
        }
    }

    /// What becomes of the acting person's wish: the roles and status of the account before and after.
    fn told(acting: &Account, before: &Account, roles: &[&str], status: &str, other_admins: i64) -> &'static str {
        let after = Account {
            roles: roles.iter().map(|role| role.to_string()).collect(),
            status: status.into(),
            ..before.clone()
        };
        match may_change(acting, before, &after, other_admins) {
            Ok(()) => "ok",
            Err(Refused(code)) => code.name(),
        }
    }

    #[test]
    fn a_coordinator_rules_over_all_but_administrators() {
        let office = account(1, &["coordinator"], "active");
        let somebody = account(2, &["supervisor"], "active");
        let admin = account(3, &["admin", "supervisor"], "active");
        assert_eq!(told(&office, &somebody, &["zone_lead"], "active", 1), "ok");
        assert_eq!(told(&office, &somebody, &["coordinator"], "disabled", 1), "ok");
        assert_eq!(
            told(&office, &somebody, &["supervisor", "admin"], "active", 1),
            "person.admin_only"
        );
        assert_eq!(told(&office, &admin, &["supervisor"], "active", 1), "person.admin_only");
        assert_eq!(
            told(&office, &admin, &["admin", "supervisor"], "disabled", 1),
            "person.admin_only"
        );
    }

    #[test]
    fn nobody_raises_or_removes_themselves() {
        let admin = account(1, &["admin", "coordinator"], "active");
        assert_eq!(told(&admin, &admin, &["admin"], "active", 1), "ok");
        assert_eq!(told(&admin, &admin, &["coordinator"], "active", 1), "ok");
        assert_eq!(
            told(&admin, &admin, &["admin", "coordinator", "committee"], "active", 1),
            "person.yourself"
        );
        assert_eq!(
            told(&admin, &admin, &["admin", "coordinator"], "disabled", 1),
            "person.yourself"
        );
        let supervises = account(2, &["coordinator", "supervisor"], "active");
        assert_eq!(
            told(&supervises, &supervises, &["supervisor"], "active", 1),
            "person.yourself"
        );
    }

    #[test]
    fn the_last_administrator_stays() {
        let admin = account(1, &["admin", "coordinator"], "active");
        let other = account(2, &["admin"], "active");
        assert_eq!(told(&admin, &admin, &["coordinator"], "active", 0), "person.last_admin");
        assert_eq!(told(&admin, &other, &["admin"], "disabled", 0), "person.last_admin");
        assert_eq!(told(&admin, &other, &["admin"], "disabled", 1), "ok");
        let gone = account(3, &["admin"], "disabled");
        assert_eq!(told(&admin, &gone, &["supervisor"], "disabled", 0), "ok");
    }
}
