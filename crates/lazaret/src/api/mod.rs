//! The API under `/api/v1`: routes and their OpenAPI description are one list, so that neither can drift.

pub mod credentials;
pub mod health;
pub mod lanes;
pub mod ledger;
pub mod parties;
pub mod people;
pub mod policy;
pub mod problem;
pub mod receipts;
pub mod show;
pub mod tokens;
pub mod transfers;
pub mod types;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lazaret_core::refusal::PartyCode;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::delivery::pickup;
use crate::error::Error;
use crate::gate::Gate;
use crate::intake::https;

/// A request's head, in bytes.
pub const HEAD_BYTES_MAX: u32 = 32 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lazaret",
        description = "One gate for everything that enters or leaves a hospital. Errors are RFC 9457 problems.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Bearer)
)]
struct Described;

/// Every operation takes a bearer token, unless it says otherwise.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("lzt_…").build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        openapi.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    }
}

/// The API's operations and their description.
pub fn described() -> (Router<Arc<Gate>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(https::put_object))
        // What may come is counted as it comes, file by file; a limit on the whole form would be another lane's limit.
        .routes(routes!(https::post_form).layer(DefaultBodyLimit::disable()))
        .routes(routes!(transfers::list))
        .routes(routes!(transfers::get))
        .routes(routes!(transfers::what_if))
        .routes(routes!(transfers::receipt))
        .routes(routes!(transfers::vote))
        .routes(routes!(transfers::withdraw))
        .routes(routes!(transfers::inspect_again))
        .routes(routes!(pickup::list))
        .routes(routes!(pickup::fetch, pickup::acknowledge))
        .routes(routes!(receipts::journal))
        .routes(routes!(parties::list))
        .routes(routes!(parties::get))
        .routes(routes!(parties::isolate))
        .routes(routes!(parties::ask_to_lift))
        .routes(routes!(parties::agree))
        .routes(routes!(parties::whoami))
        .routes(routes!(parties::requests))
        .routes(routes!(parties::vote_on_request))
        .routes(routes!(parties::policy))
        .routes(routes!(tokens::list, tokens::make))
        .routes(routes!(tokens::revoke))
        .routes(routes!(people::list, people::add))
        .routes(routes!(people::grant))
        .routes(routes!(people::end))
        .routes(routes!(people::invite, people::uninvite))
        .routes(routes!(people::leave))
        .routes(routes!(lanes::add_party))
        .routes(routes!(lanes::vet))
        .routes(routes!(lanes::turn))
        .routes(routes!(lanes::add_key))
        .routes(routes!(lanes::add_token))
        .routes(routes!(lanes::list))
        .routes(routes!(lanes::open, lanes::close))
        .routes(routes!(credentials::list))
        .routes(routes!(credentials::revoke))
        .routes(routes!(policy::simulate))
        .routes(routes!(policy::activate))
        .split_for_parts()
}

/// Everything of the `https` listener.
pub fn router(gate: &Arc<Gate>) -> Router {
    let (api, description) = described();
    let description = Arc::new(description);
    let api = api
        .merge(crate::intake::tus::router())
        .merge(health::router())
        .merge(ledger::router())
        .route("/api/v1/openapi.json", get(move || openapi(Arc::clone(&description))))
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(api_headers));
    let all = api.merge(crate::console::router()).fallback(crate::console::nowhere);
    all.layer(from_fn_with_state(Arc::clone(gate), common)).with_state(Arc::clone(gate))
}

/// Everything of the `admin` listener.
pub fn admin_router(gate: &Arc<Gate>) -> Router {
    Router::new()
        .route("/metrics", get(health::metrics))
        .merge(health::admin_router())
        .fallback(not_found)
        .layer(from_fn(api_headers))
        .layer(from_fn_with_state(Arc::clone(gate), common))
        .with_state(Arc::clone(gate))
}

async fn openapi(description: Arc<utoipa::openapi::OpenApi>) -> Response {
    match description.to_json() {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => Error::internal(error).into_response(),
    }
}

async fn not_found() -> Response {
    Error::malformed(PartyCode::NotFound, "no such page or operation").into_response()
}

async fn not_allowed() -> Response {
    let mut response = Error::malformed(PartyCode::NotFound, "this operation is not offered here").into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer of the listener carries, and what every request is held to.
async fn common(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let head: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>()
            + request.uri().path_and_query().map_or(0, |asked| asked.as_str().len());
    if head > HEAD_BYTES_MAX as usize {
        return Error::malformed(PartyCode::TooLarge, "the request's head is over 32 KiB").into_response();
    }
    let id = request.headers().get(&REQUEST_ID).filter(|id| id.len() <= 128 && id.to_str().is_ok()).cloned();
    let id = id.unwrap_or_else(fresh_request_id);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    gate.metrics.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn fresh_request_id() -> HeaderValue {
    let id: lazaret_core::id::Id<lazaret_core::id::Upload> = crate::clock::new_id();
    HeaderValue::from_str(&id.symbols()).unwrap_or(HeaderValue::from_static("none"))
}

/// Answers of the API are never pages: nothing in them may run, frame or be framed.
async fn api_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    );
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A JSON answer.
pub fn json<T: types::Json>(value: &T) -> Response {
    match value.to_json() {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => error.into_response(),
    }
}
