//! The fleet: numbers, ages, and a list that is searched and paged by the database.

use askama::Template;
use axum::response::Response;

use super::{
    chart::{AgeChart, CoverageBar},
    page::{Grouped, Mark, Moment, Shell},
    visit::Visit,
};
use crate::{
    http::fault::Fault,
    rules::{audit::Activity, fleet::FleetState, instances::is_shown},
    store::{FleetKey, FleetOrder, FleetQuery, FleetRow},
};

const PAGE_LEN: u32 = 50;
const SEARCH_LEN_MAX: usize = 100;

#[derive(Template)]
#[template(path = "fleet.html")]
struct Page {
    shell: Shell,
    numbers: Numbers,
    search: String,
    states: Vec<Choice>,
    by_expiry: bool,
    rows: Vec<Row>,
    is_filtered: bool,
    is_first: bool,
    first: String,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "fleet_numbers.html")]
struct Numbers {
    total: u64,
    counts: Vec<Count>,
    bar: CoverageBar,
    ages: AgeChart,
    now: Moment,
}

struct Count {
    mark: Mark,
    count: u64,
}

struct Choice {
    mark: Mark,
    is_chosen: bool,
}

struct Row {
    id: String,
    name: String,
    mark: Mark,
    stored: Option<Moment>,
    expiry: Option<Moment>,
    last_contact: Option<Moment>,
    is_shared: bool,
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let query = parse(&visit)?;
    let mut rows = visit.app.store.fleet(&query).await?;
    let page_len = usize::try_from(PAGE_LEN).unwrap_or(usize::MAX);
    let has_more = rows.len() > page_len;
    rows.truncate(page_len);
    let next = rows.last().filter(|_| has_more).map(|row| address(&query, Some(&row.key())));
    let numbers = count(&visit).await?;
    visit.note(Activity::ReadDevices, "").await?;
    visit.page(&Page {
        shell: visit.shell("Fleet"),
        numbers,
        states: choices(query.state),
        by_expiry: query.order == FleetOrder::Expiry,
        rows: rows.into_iter().map(|row| shown(row, &visit)).collect(),
        is_filtered: query.state.is_some() || !query.search.is_empty(),
        is_first: query.after.is_none(),
        first: address(&query, None),
        next,
        search: query.search,
    })
}

/// Counts alone, which name no device.
pub(super) async fn numbers(visit: Visit) -> Result<Response, Fault> {
    visit.page(&count(&visit).await?)
}

async fn count(visit: &Visit) -> Result<Numbers, Fault> {
    let now = visit.context.at;
    let (coverage, ages) = visit.app.store.fleet_counts(now).await?;
    let counts = FleetState::ALL.into_iter().zip(coverage);
    Ok(Numbers {
        total: coverage.iter().sum(),
        counts: counts.map(|(state, count)| Count { mark: Mark(state), count }).collect(),
        bar: CoverageBar::new(coverage),
        ages: AgeChart::new(ages),
        now: Moment { at: now, now },
    })
}

fn choices(chosen: Option<FleetState>) -> Vec<Choice> {
    let choice = |state| Choice { mark: Mark(state), is_chosen: chosen == Some(state) };
    FleetState::ALL.into_iter().map(choice).collect()
}

fn shown(row: FleetRow, visit: &Visit) -> Row {
    let now = visit.context.at;
    Row {
        id: row.device.to_string(),
        mark: Mark(row.state(now)),
        stored: row.stored.map(|at| Moment { at, now }),
        expiry: row.expiry.map(|at| Moment { at, now }),
        last_contact: row.last_contact.map(|at| Moment { at, now }),
        is_shared: row.shared.is_some_and(|found| is_shown(found, now)),
        name: row.name,
    }
}

fn parse(visit: &Visit) -> Result<FleetQuery, Fault> {
    let text = |name: &str| visit.query.get(name).unwrap_or_default();
    let state = text("state");
    let order = if text("order") == "expiry" { FleetOrder::Expiry } else { FleetOrder::Name };
    let after = text("after");
    Ok(FleetQuery {
        search: text("q").trim().chars().filter(|c| !c.is_control()).take(SEARCH_LEN_MAX).collect(),
        state: FleetState::ALL.into_iter().find(|found| Mark(*found).class() == state),
        order,
        after: if after.is_empty() { None } else { Some(key(after)?) },
        len_max: PAGE_LEN + 1,
        now: visit.context.at,
    })
}

/// `device/expiry/name`.
fn key(text: &str) -> Result<FleetKey, Fault> {
    let mut parts = text.splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default();
    let (device, expiry, name) = (next().parse(), next().parse(), next().to_owned());
    match (device, expiry) {
        (Ok(device), Ok(expiry)) => Ok(FleetKey { name, expiry, device }),
        _ => Err(Fault::bad_request("The page you asked for is none of the fleet.")),
    }
}

fn address(query: &FleetQuery, after: Option<&FleetKey>) -> String {
    let mut members = form_urlencoded::Serializer::new(String::new());
    if !query.search.is_empty() {
        members.append_pair("q", &query.search);
    }
    if let Some(state) = query.state {
        members.append_pair("state", Mark(state).class());
    }
    if query.order == FleetOrder::Expiry {
        members.append_pair("order", "expiry");
    }
    if let Some(FleetKey { name, expiry, device }) = after {
        members.append_pair("after", &format!("{device}/{expiry}/{name}"));
    }
    format!("/console/fleet?{}", members.finish())
}
