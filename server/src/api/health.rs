//! `/healthz` and `/readyz`, for whoever keeps the process alive and whoever sends it traffic.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::AppState;
use crate::store::people;

/// The process answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The process answers and so does its database; 503 otherwise.
pub async fn ready(app: Data<AppState>) -> HttpResponse {
    let answer = async { people::first_district(&mut *app.pool.get().await?).await };
    match answer.await {
        Ok(_) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(_) => HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("no database\n"),
    }
}
