//! Query options of a collection: filter, order, and pages with opaque tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::filter::{Fields, Filter};
use crate::{http::fault::Fault, store::Window};

/// Page sizes.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 999;
/// Between the two halves of a token; no name holds it.
const TOKEN_SEPARATOR: char = '\u{0}';

/// The options of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// All but the token, to be repeated in the next link.
    options: Vec<(String, String)>,
    skip_token: Option<String>,
}

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// How many there are on all pages, if asked for.
    pub(super) count: Option<u64>,
    /// The query of the next page.
    pub(super) next: Option<String>,
}

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            // Some clients leave the `$` out, as OData 4.01 allows.
            let name = name.to_lowercase();
            match name.trim_start_matches('$') {
                "skiptoken" => parsed.skip_token = Some(value.into_owned()),
                bare => parsed.options.push((bare.to_owned(), value.into_owned())),
            }
        }
        parsed
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether `$select` names `property`.
    pub(super) fn selects(&self, property: &str) -> bool {
        self.get("select")
            .is_some_and(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case(property)))
    }

    /// The part of the collection that the page is cut from: all of it, unless the order of keys alone decides.
    pub(super) fn window(&self) -> Result<Window, Fault> {
        if ["filter", "orderby", "count"].iter().any(|option| self.get(option).is_some()) {
            return Ok(Window::ALL);
        }
        let after = self.skip_token.as_deref().map(|token| {
            let key = parse_token(token).and_then(|(_, key)| key.parse().ok());
            key.ok_or_else(|| Fault::bad_request("The skip token is malformed."))
        });
        // One more, to see whether there is a next page.
        let len_max = u32::try_from(self.top()?.saturating_add(1)).ok();
        Ok(Window { after: after.transpose()?, len_max })
    }

    /// The filter, if there is one.
    pub(super) fn parse_filter<T: Fields>(&self) -> Result<Option<Filter>, Fault> {
        let filter = self.get("filter").map(|text| Filter::parse(text, T::NAMES));
        filter.transpose().map_err(|error| Fault::bad_request(error.to_string()))
    }

    /// What the filter lets through.
    pub(super) fn filter<T: Fields>(&self, mut items: Vec<T>) -> Result<Vec<T>, Fault> {
        if let Some(filter) = self.parse_filter::<T>()? {
            items.retain(|item| filter.matches(item));
        }
        Ok(items)
    }

    /// Filters, orders, and cuts out one page. The first property of `T` is its key.
    pub(super) fn page<T: Fields>(&self, items: Vec<T>) -> Result<Page<T>, Fault> {
        let items = self.filter(items)?;
        let count = self.get("count").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let count = count.then(|| u64::try_from(items.len()).unwrap_or(u64::MAX));
        let order = self.order(T::NAMES)?;
        let key = |item: &T| (item.field(order.field), item.field(0));
        let compare = |left: &(String, String), right: &(String, String)| {
            let by_field = left.0.cmp(&right.0);
            let by_field = if order.descending { by_field.reverse() } else { by_field };
            by_field.then_with(|| left.1.cmp(&right.1))
        };
        let mut keyed: Vec<((String, String), T)> =
            items.into_iter().map(|item| (key(&item), item)).collect();
        keyed.sort_by(|(left, _), (right, _)| compare(left, right));
        if let Some(token) = &self.skip_token {
            let after =
                parse_token(token).ok_or_else(|| Fault::bad_request("The skip token is malformed."))?;
            keyed.retain(|(key, _)| compare(key, &after).is_gt());
        }
        let rest = keyed.split_off(self.top()?.min(keyed.len()));
        let next = match (rest.is_empty(), keyed.last()) {
            (false, Some((key, _))) => Some(self.next(key)),
            _ => None,
        };
        Ok(Page { items: keyed.into_iter().map(|(_, item)| item).collect(), count, next })
    }

    fn top(&self) -> Result<usize, Fault> {
        match self.get("top").map(str::parse) {
            None => Ok(PAGE_DEFAULT),
            Some(Ok(top)) if (1..=PAGE_MAX).contains(&top) => Ok(top),
            Some(_) => Err(Fault::bad_request(format!("$top must be 1 to {PAGE_MAX}."))),
        }
    }

    fn order(&self, names: &[&str]) -> Result<Order, Fault> {
        let Some(text) = self.get("orderby") else { return Ok(Order { field: 0, descending: false }) };
        let mut words = text.split_ascii_whitespace();
        let name = words.next().unwrap_or_default().to_lowercase();
        let field = names.iter().position(|known| *known == name);
        let descending = match words.next().map(str::to_lowercase).as_deref() {
            None | Some("asc") => Some(false),
            Some("desc") => Some(true),
            Some(_) => None,
        };
        match (field, descending, words.next()) {
            (Some(field), Some(descending), None) => Ok(Order { field, descending }),
            _ => Err(Fault::bad_request("$orderby must be one property, asc or desc.")),
        }
    }

    fn next(&self, (field, id): &(String, String)) -> String {
        let token = URL_SAFE_NO_PAD.encode(format!("{field}{TOKEN_SEPARATOR}{id}"));
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.options {
            query.append_pair(&format!("${name}"), value);
        }
        query.append_pair("$skiptoken", &token);
        query.finish()
    }
}

struct Order {
    field: usize,
    descending: bool,
}

fn parse_token(token: &str) -> Option<(String, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.split_once(TOKEN_SEPARATOR).map(|(field, id)| (field.to_owned(), id.to_owned()))
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Item(String, String);

    impl Fields for Item {
        const NAMES: &'static [&'static str] = &["id", "name"];

        fn field(&self, at: usize) -> String {
            [&self.0, &self.1][at].to_lowercase()
        }
    }

    fn walk(query: &str, items: &[Item]) -> Vec<Item> {
        let mut seen = Vec::new();
        let mut query = Some(query.to_owned());
        while let Some(text) = query {
            let page = Query::parse(Some(&text)).page(items.to_vec()).unwrap();
            seen.extend(page.items);
            query = page.next;
        }
        seen
    }

    #[test]
    fn malformed_options_are_refused() {
        for query in
            ["$top=0", "$top=1000", "$top=x", "$orderby=secret", "$orderby=name sideways", "$skiptoken=!"]
        {
            assert!(Query::parse(Some(query)).page(vec![Item("1".into(), "a".into())]).is_err(), "{query}");
        }
    }

    #[test]
    fn pages_cut_from_their_window_are_those_cut_from_everything() {
        let mut all: Vec<Item> = (0..7_u8)
            .map(|n| Item(Guid::from_bytes([n.wrapping_mul(97); 16]).to_string(), "a".to_owned()))
            .collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        for top in 1..=8 {
            let mut query = Some(format!("$top={top}"));
            let mut seen = Vec::new();
            while let Some(text) = query {
                let parsed = Query::parse(Some(&text));
                let window = parsed.window().unwrap();
                let after = window.after.map(|key| key.to_string()).unwrap_or_default();
                let beyond = all.iter().filter(|item| item.0 > after);
                let rows = beyond.take(window.len_max.unwrap().try_into().unwrap()).cloned().collect();
                let page = parsed.page(rows).unwrap();
                assert_eq!(page, parsed.page(all.clone()).unwrap());
                seen.extend(page.items);
                query = page.next;
            }
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn options_that_look_at_every_row_get_every_row() {
        for query in ["$filter=name eq 'a'", "$orderby=name", "$count=true&$top=2"] {
            assert_eq!(Query::parse(Some(query)).window().unwrap(), Window::ALL, "{query}");
        }
        assert!(Query::parse(Some("$skiptoken=AAAA")).window().is_err());
    }

    #[test]
    fn a_count_is_of_all_pages() {
        let items: Vec<Item> = (0..5).map(|n| Item(n.to_string(), "a".to_owned())).collect();
        let page = Query::parse(Some("%24count=true&top=2")).page(items).unwrap();
        assert_eq!((page.count, page.items.len()), (Some(5), 2));
        assert!(page.next.unwrap().contains("%24count=true"));
    }

    proptest! {
        #[test]
        fn walking_all_pages_shows_every_item_once_in_order(
            names in proptest::collection::vec("[a-c]{0,2}", 0..30), top in 1_usize..7, descending: bool,
        ) {
            let items: Vec<Item> =
                names.iter().enumerate().map(|(n, name)| Item(format!("{n:04}"), name.clone())).collect();
            let order = if descending { "desc" } else { "asc" };
            let seen = walk(&format!("$top={top}&$orderby=name%20{order}"), &items);
            let mut expected = items;
            expected.sort_by(|a, b| {
                let by_name = if descending { b.1.cmp(&a.1) } else { a.1.cmp(&b.1) };
                by_name.then_with(|| a.0.cmp(&b.0))
            });
            prop_assert_eq!(seen, expected);
        }
    }
}
