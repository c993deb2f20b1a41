//! `GET /api/v1/about`: what this installation is, before anybody signs in.

use actix_web::web::{Data, Json};
use serde::Serialize;

use crate::AppState;
use crate::error::Result;
use crate::store::people;

/// What a sign-in page needs to know.
#[derive(Debug, Serialize)]
pub struct About {
    version: &'static str,
    demo: bool,
    district: Option<District>,
    sign_ins: Vec<SignIn>,
}

#[derive(Debug, Serialize)]
struct District {
    id: String,
    name: String,
}

/// A demo sign-in, shown openly; there is none outside demo mode.
#[derive(Debug, Clone, Serialize)]
pub struct SignIn {
    /// The login.
    pub login: String,
    /// The password in clear.
    pub password: String,
    /// The fictional person's name.
    pub name: String,
    /// Role codes.
    pub roles: Vec<String>,
}

/// Answers anybody.
pub async fn show(app: Data<AppState>) -> Result<Json<About>> {
    let district = people::first_district(&mut *app.pool.get().await?).await?;
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION"),
        demo: app.demo.is_some(),
        district: district.map(|row| District {
            id: row.id.to_string(),
            name: row.name,
        }),
        sign_ins: app.demo.as_deref().unwrap_or_default().to_vec(),
    }))
}
