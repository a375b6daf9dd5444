use std::{collections::BTreeSet, path::Path};

use super::*;
use crate::{console, http::path, run};

/// A method, and a path whose parameters have no names.
type Route = (String, String);

fn unnamed(path: &str) -> String {
    let segment = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The routes of a router. It does not list them, but it prints them: `RouteId(1): MethodRouter(… get: BoxedHandler,
/// head: None, …)` for each, and `RouteId(1): "/path"`.
fn routed(router: &Router<Arc<App>>) -> BTreeSet<Route> {
    let printed = format!("{router:?}");
    let (printed, _) = printed.split_once("fallback_router").unwrap();
    let (routes, paths) = printed.split_once("node: Node").unwrap();
    let ids = |text: &str| -> Vec<(String, String)> {
        let parts = text.split("RouteId(").skip(1);
        parts
            .map(|part| part.split_once("): ").unwrap())
            .map(|(id, rest)| (id.to_owned(), rest.to_owned()))
            .collect()
    };
    let paths = ids(paths);
    let mut found = BTreeSet::new();
    for (id, methods) in ids(routes) {
        let (_, path) = paths.iter().find(|(known, _)| *known == id).unwrap();
        let path = unnamed(path.split('"').nth(1).unwrap());
        for method in ["get", "head", "delete", "options", "patch", "post", "put", "trace", "connect"] {
            let (_, handler) = methods.split_once(&format!("{method}: ")).unwrap();
            if !handler.starts_with("None") {
                found.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

#[test]
fn the_document_holds_every_route_but_the_pages_of_the_console_and_nothing_else() {
    let pages = routed(&console::routes());
    let routed: BTreeSet<Route> = routed(&run::routes()).difference(&pages).cloned().collect();
    let documented: BTreeSet<Route> = operations()
        .map(|(path, operation)| (operation.method.to_owned(), unnamed(&path::normalise(&path))))
        .collect();
    assert!(routed.len() > 50, "{routed:?}");
    assert_eq!(routed.difference(&documented).collect::<Vec<_>>(), Vec::<&Route>::new(), "not documented");
    assert_eq!(documented.difference(&routed).collect::<Vec<_>>(), Vec::<&Route>::new(), "not routed");
}

#[test]
fn every_schema_that_is_named_is_there() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let named: BTreeSet<&str> =
        text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(named, schemas.keys().map(String::as_str).collect());
}

#[test]
fn the_published_document_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert!(published == document, "docs/openapi.json is out of date: run this test with UPDATE_DOCS=1");
}
