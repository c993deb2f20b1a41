//! The caller of a request: read from the access token, confirmed by the database with one query each time.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{FixedOffset, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::AppState;
use crate::auth::grants::{Grant, grants};
use crate::auth::second_factor::FactorRule;
use crate::auth::session::{RefreshToken, presented};
use crate::auth::token::Claims;
use crate::error::{Code, Error, Result};
use crate::store::purpose::{Purpose, Who, within};
use crate::store::{rights, sessions};

/// Who is calling, from which device, and what they may see at this moment.
///
/// As a handler's argument it refuses whoever has no valid token (401 with a code).
#[derive(Debug, Clone)]
pub struct Actor {
    /// The district that leads every key.
    pub district: Uuid,
    /// The person.
    pub person: Uuid,
    /// The person's name.
    pub name: String,
    /// The installation they signed in on.
    pub device: Uuid,
    /// The sign-in.
    pub family: Uuid,
    /// Role codes.
    pub roles: Vec<String>,
    /// The person's own zone.
    pub zone: Option<Uuid>,
    /// Every bucket within reach, ordered by id.
    pub grants: Vec<Grant>,
    /// Schools the person keeps away from today.
    pub recused: Vec<Uuid>,
    /// Whether they have an office role and no second factor.
    pub lacks_factor: bool,
    /// Whether the server keeps to the grants by itself: [`AppState::first_lock`].
    pub first_lock: bool,
}

impl Actor {
    /// Confirms a token against the database and brings the grants along: one round trip.
    ///
    /// Refuses `session.expired`, `device.revoked`, `person.disabled`, `token.stale`, and `second_factor.demanded` to whoever must have one
    /// and has none.
    pub async fn confirm(conn: &mut AsyncPgConnection, claims: &Claims, app: &AppState) -> Result<Self> {
        let Doorstep(actor) = Doorstep::confirm(conn, claims, app.first_lock).await?;
        match actor.lacks_factor && app.second_factor == FactorRule::Demanded {
            true => Err(Code::SecondFactorDemanded.into()),
            false => Ok(actor),
        }
    }

    async fn known(conn: &mut AsyncPgConnection, claims: &Claims, first_lock: bool) -> Result<Self> {
        let standing = rights::standing(conn, claims.district, claims.sub, claims.family, today())
            .await?
            .filter(|standing| standing.session_live || !first_lock)
            .ok_or(Code::SessionExpired)?;
        if !standing.device_active && first_lock {
            return Err(Code::DeviceRevoked.into());
        }
        if !standing.person_active && first_lock {
            return Err(Code::PersonDisabled.into());
        }
        if standing.stamp != claims.stamp {
            return Err(Code::TokenStale.into());
        }
        Ok(Self::of(claims, standing, first_lock))
    }

    fn of(claims: &Claims, standing: rights::Standing, first_lock: bool) -> Self {
        Actor {
            district: claims.district,
            person: claims.sub,
            device: standing.device,
            family: claims.family,
            grants: grants(claims.district, claims.sub, &standing),
            recused: if first_lock { standing.recused } else { Vec::new() },
            name: standing.name,
            roles: standing.roles,
            zone: standing.zone,
            lacks_factor: standing.lacks_factor,
            first_lock,
        }
    }

    /// Who stands behind a sign-in that may hand in work and nothing else: nothing is readable, every group is kept for the office.
    fn barred(claims: &Claims, standing: rights::Standing) -> Self {
        Actor {
            name: standing.name,
            ..Self::unknown(claims, standing.device)
        }
    }

    /// The same for somebody whom this database does not know.
    fn unknown(claims: &Claims, device: Uuid) -> Self {
        Actor {
            district: claims.district,
            person: claims.sub,
            device,
            family: claims.family,
            grants: Vec::new(),
            recused: Vec::new(),
            name: String::new(),
            roles: Vec::new(),
            zone: None,
            lacks_factor: false,
            first_lock: true,
        }
    }

    /// The caller looks at what they reach.
    pub fn reading(&self) -> Purpose {
        Purpose::reading(self.who())
    }

    /// The caller hands in work.
    pub fn pushing(&self) -> Purpose {
        Purpose::pushing(self.who())
    }

    /// Sealed work of the caller is handed in, by whomever: their sign-in may be over.
    pub fn handing_in(&self) -> Purpose {
        Purpose::handing_in(self.who())
    }

    /// The caller decides about what was kept.
    pub fn admitting(&self) -> Purpose {
        Purpose::admitting(self.who())
    }

    /// The caller looks after people.
    pub fn managing(&self) -> Purpose {
        Purpose::managing(self.who())
    }

    /// The caller keeps or opens who complained.
    pub fn identifying(&self) -> Purpose {
        Purpose::identifying(self.who())
    }

    fn who(&self) -> Who {
        Who {
            district: self.district,
            person: self.person,
            family: self.family,
        }
    }

    /// Whether the person holds the role.
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// The grant for a bucket, if any.
    pub fn grant(&self, bucket: &str) -> Option<&Grant> {
        let at = self
            .grants
            .binary_search_by(|grant| grant.bucket.as_str().cmp(bucket))
            .ok()?;
        self.grants.get(at)
    }

    /// Whether records of the bucket may be shown.
    pub fn may_read(&self, bucket: &str) -> bool {
        self.grant(bucket).is_some() || !self.first_lock
    }

    /// Whether groups for the bucket may be taken.
    pub fn may_write(&self, bucket: &str) -> bool {
        self.grant(bucket).is_some_and(|grant| grant.write) || !self.first_lock
    }
}

/// Somebody who signed in, and of whom a second factor may be demanded that they do not have: they may set one up, and keep the safe on their phone,
/// without which nobody could come in to do so.
pub struct Doorstep(pub Actor);

impl Doorstep {
    async fn confirm(conn: &mut AsyncPgConnection, claims: &Claims, first_lock: bool) -> Result<Self> {
        Actor::known(conn, claims, first_lock).await.map(Self)
    }
}

/// Who hands in work: an actor, with a second factor or without, or somebody whose account or device was withdrawn. A registered phone keeps this right, so that what
/// was recorded before the withdrawal reaches the office.
pub struct Uploader(pub Actor);

impl Uploader {
    async fn confirm(conn: &mut AsyncPgConnection, claims: &Claims, first_lock: bool) -> Result<Self> {
        let refused = match Actor::known(conn, claims, first_lock).await {
            Ok(actor) => return Ok(Self(actor)),
            Err(refused) => refused,
        };
        let Error::Refused(Code::PersonDisabled | Code::DeviceRevoked) = refused else {
            return Err(refused);
        };
        let standing = rights::standing(conn, claims.district, claims.sub, claims.family, today()).await?;
        let standing = standing.filter(|standing| standing.session_live).ok_or(refused)?;
        Ok(Self(Actor::barred(claims, standing)))
    }
}

impl Uploader {
    /// Somebody withdrawn, by the sign-in in their cookie; whoever is not withdrawn must come with an access token.
    async fn of_sign_in(conn: &mut AsyncPgConnection, token: RefreshToken, refused: Error) -> Result<Self> {
        let person = within(conn, Purpose::signing_in(), async |conn| {
            sessions::person_of(conn, token.district, token.family).await
        });
        let Some(person) = person.await? else {
            return Err(refused);
        };
        let claims = Claims::new(token.district, person, token.family, 0, 0);
        let standing = rights::standing(conn, token.district, person, token.family, today()).await?;
        let withdrawn =
            |standing: &rights::Standing| standing.session_live && !(standing.person_active && standing.device_active);
        let standing = standing.filter(withdrawn).ok_or(refused)?;
        Ok(Self(Actor::barred(&claims, standing)))
    }
}

impl Uploader {
    /// Whoever the safe of a phone belongs to: with their rights of this moment, or with none when they were withdrawn (then with
    /// the reason), or when this database, restored from a copy, does not know them.
    pub async fn of_safe(
        conn: &mut AsyncPgConnection,
        district: Uuid,
        person: Uuid,
        device: Uuid,
    ) -> Result<(Self, Option<Code>)> {
        let family = within(conn, Purpose::signing_in(), async |conn| {
            sessions::newest(conn, district, person, device).await
        });
        let family = family.await?;
        let claims = Claims::new(district, person, family.unwrap_or_default(), 0, 0);
        let standing = rights::standing(conn, district, person, claims.family, today()).await?;
        let Some(standing) = standing else {
            return Ok((Self(Actor::unknown(&claims, device)), None));
        };
        let withdrawn = match (standing.device_active, standing.person_active) {
            (false, _) => Some(Code::DeviceRevoked),
            (true, false) => Some(Code::PersonDisabled),
            (true, true) => None,
        };
        let actor = match withdrawn {
            Some(_) => Actor::barred(&claims, standing),
            None => Actor::of(&claims, standing, true),
        };
        Ok((Self(actor), withdrawn))
    }
}

impl FromRequest for Uploader {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request
                .app_data::<web::Data<AppState>>()
                .expect("routes.rs puts the state there")
                .clone();
            let claims = Claims::of_request(&request, &app.keys);
            if let Ok(claims) = &claims {
                app.pace.admit(claims.family)?;
            }
            let mut conn = app.pool.get().await?;
            match claims {
                Ok(claims) => Uploader::confirm(&mut conn, &claims, app.first_lock).await,
                // Who was withdrawn gets no new access token, so the sign-in itself says who hands in.
                Err(refused) => match presented(&app.keys.refresh, &request) {
                    Some(token) => {
                        app.pace.admit(token.family)?;
                        Uploader::of_sign_in(&mut conn, token, refused.into()).await
                    }
                    None => Err(refused.into()),
                },
            }
        })
    }
}

impl FromRequest for Actor {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, claims) = asked_by(&request)?;
            Actor::confirm(&mut *app.pool.get().await?, &claims, &app).await
        })
    }
}

impl FromRequest for Doorstep {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, claims) = asked_by(&request)?;
            Doorstep::confirm(&mut *app.pool.get().await?, &claims, app.first_lock).await
        })
    }
}

/// The token of a request that does not come too fast.
fn asked_by(request: &HttpRequest) -> Result<(web::Data<AppState>, Claims)> {
    let app = request
        .app_data::<web::Data<AppState>>()
        .expect("routes.rs puts the state there")
        .clone();
    let claims = Claims::of_request(request, &app.keys)?;
    app.pace.admit(claims.family)?;
    Ok((app, claims))
}

/// The day it is in the district: assignments begin and end at its midnight, not at the server's.
pub fn today() -> NaiveDate {
    let china = FixedOffset::east_opt(8 * 3600).expect("eight hours are an offset");
    Utc::now().with_timezone(&china).date_naive()
}
