use actix_web::HttpRequest;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// What stands behind the question mark.
///
/// # Errors
/// A key that is not known, or a value that does not fit.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let read = actix_web::web::Query::<T>::from_query(request.query_string());
    read.map(actix_web::web::Query::into_inner)
        .map_err(|error| Problem::bad_request(format!("the query does not fit: {error}")))
}

/// A limit within its bounds.
///
/// # Errors
/// It is outside of them.
pub(super) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    match asked.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        limit => {
            Err(Problem::bad_request(format!("limit={limit} does not fit; write 1 to {most}")))
        }
    }
}
