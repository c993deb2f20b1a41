//! Every URL of the server on one screen.

use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{ServiceConfig, resource, scope};

use crate::api::{
    about, appointments, audit, differences, enrolment, hand_over, health, identities, keeping, live, passkeys, people,
    places, quarantine, recusals, results, safe, second_factor, session, sync, visits,
};
use crate::assets;
use crate::auth::csrf;

/// The route table. What is not listed under `/api/` is 404; everything else is the web client.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(resource("/healthz").get(health::alive))
        .service(resource("/readyz").get(health::ready))
        .service(
            scope("/api/v1")
                .wrap(from_fn(csrf::guard))
                .service(resource("/about").get(about::show))
                .service(resource("/session").post(session::sign_in).delete(session::sign_out))
                .service(resource("/session/refresh").post(session::refresh))
                .service(resource("/session/key").post(safe::lock))
                .service(resource("/session/key/open").post(safe::open))
                .service(
                    resource("/second-factor")
                        .get(second_factor::show)
                        .post(second_factor::begin),
                )
                .service(resource("/second-factor/confirm").post(second_factor::confirm))
                .service(resource("/second-factor/remove").post(second_factor::remove))
                .service(resource("/second-factor/passkeys").post(passkeys::begin))
                .service(resource("/second-factor/passkeys/finish").post(passkeys::finish))
                .service(resource("/second-factor/passkeys/{id}/remove").post(passkeys::remove))
                .service(resource("/enrolment").post(enrolment::choose_password))
                .service(
                    resource("/people")
                        .wrap(Compress::default())
                        .get(people::list)
                        .post(people::add),
                )
                .service(resource("/people/{id}").post(people::change))
                .service(resource("/people/{id}/enrolment").post(people::open_enrolment))
                .service(resource("/people/{id}/assignments").post(people::assign))
                .service(resource("/people/{id}/assignments/end").post(people::end_assignment))
                .service(resource("/people/{id}/appointments").post(appointments::add))
                .service(resource("/people/{id}/appointments/end").post(appointments::end))
                .service(resource("/people/{id}/recusals").post(recusals::add))
                .service(resource("/places").get(places::list))
                .service(resource("/zones").post(places::add_zone))
                .service(resource("/zones/{id}").post(places::change_zone))
                .service(resource("/schools").post(places::add_schools))
                .service(resource("/schools/{id}").post(places::change_school))
                .service(resource("/people/{id}/recusals/end").post(recusals::end))
                .service(resource("/people/{id}/hand-over").post(hand_over::hand_over))
                .service(resource("/people/{id}/second-factor/remove").post(people::remove_second_factor))
                .service(resource("/devices/{id}/revoke").post(people::revoke_device))
                .service(resource("/devices/{id}/restore").post(people::restore_device))
                .service(resource("/complaints/{id}/identity").post(identities::keep))
                .service(resource("/complaints/{id}/identity/open").post(identities::open))
                .service(resource("/complaints/{id}/identity/handlers").post(identities::approve))
                .service(resource("/complaints/{id}/identity/handlers/end").post(identities::end))
                .service(resource("/audit").wrap(Compress::default()).get(audit::list))
                .service(resource("/audit/anchor").wrap(Compress::default()).get(audit::anchored))
                .service(resource("/keeping").get(keeping::show))
                .service(resource("/sync/push").post(sync::push))
                .service(resource("/sync/sealed").post(safe::deliver))
                .service(resource("/sync/pull").wrap(Compress::default()).post(sync::pull))
                .service(resource("/sync/have").post(sync::have))
                .service(resource("/sync/digest").wrap(Compress::default()).post(sync::digest))
                .service(resource("/quarantine").get(quarantine::list))
                .service(resource("/quarantine/{id}/admit").post(quarantine::admit))
                .service(resource("/live").get(live::listen))
                .service(resource("/results").wrap(Compress::default()).get(results::show))
                .service(
                    resource("/differences")
                        .wrap(Compress::default())
                        .get(differences::list),
                )
                .service(resource("/visits/{id}/here").post(differences::here))
                .service(resource("/visits/{id}").wrap(Compress::default()).get(visits::show))
                .service(
                    resource("/visits/{id}/history")
                        .wrap(Compress::default())
                        .get(visits::visit_history),
                )
                .service(
                    resource("/records/{id}/history")
                        .wrap(Compress::default())
                        .get(visits::history),
                ),
        )
        .configure(assets::configure);
}
