//! What DNS says of a domain's controllers. RFC 2782; [MS-ADTS] 6.3.2.3.

use core::{net::IpAddr, time::Duration};

use hickory_resolver::{Resolver, TokioResolver, net::NetError, proto::rr::RData};
use lapwing_proto::ad::dns::{DnsName, SiteName};
use tokio::time::timeout;

use super::{KeyService, LocateError, NotTaken};

/// The longest wait for one name's addresses or services.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// After this a DNS server is taken for silent. resolv.conf(5) has 5 seconds, which is all the time there is.
const SERVER_MAX: Duration = Duration::from_secs(1);
/// How many DNS servers are asked at a time, so that a silent one costs nothing.
const SERVERS_AT_A_TIME: usize = 3;
/// The most addresses of one controller that are asked.
pub(super) const ADDRESSES_MAX: usize = 4;

/// One service record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) target: DnsName,
    pub(super) port: u16,
}

/// Chance: of whom among equals is asked first, which is no secret. "`SplitMix64`" of Steele, Lea and Flood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Another one, for somebody else.
    pub(super) const fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// From 0 to `max`, all alike.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let [a, b, c, d, ..] = self.next().to_be_bytes();
            let drawn = u32::from_be_bytes([a, b, c, d]) & mask;
            if drawn <= max {
                return drawn;
            }
        }
    }
}

/// The resolver that this host's configuration asks for, with less patience.
pub(super) fn resolver() -> Result<TokioResolver, LocateError> {
    let mut builder = Resolver::builder_tokio().map_err(LocateError::Resolver)?;
    let options = builder.options_mut();
    options.timeout = options.timeout.min(SERVER_MAX);
    options.attempts = options.attempts.max(2);
    options.num_concurrent_reqs = SERVERS_AT_A_TIME;
    builder.build().map_err(LocateError::Resolver)
}

/// The controllers of a domain, those of the site first, each in the order in which to ask.
pub(super) async fn controllers(
    resolver: &TokioResolver,
    domain: &DnsName,
    site: Option<&SiteName>,
    mut chance: Chance,
) -> Result<Vec<DnsName>, LocateError> {
    let all = async { of_site(resolver, domain, None).await };
    let (near, all) = match site {
        // A site without controllers of its own has no record.
        Some(site) => {
            let (near, all) = tokio::join!(of_site(resolver, domain, Some(site)), all);
            (near.unwrap_or_default(), all)
        }
        None => (Vec::new(), all.await),
    };
    let all = match all {
        Ok(all) => all,
        Err(_) if !near.is_empty() => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut names = in_order(near, &mut chance);
    for name in in_order(all, &mut chance) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The controllers of one site, in the order in which to ask; none if DNS has none.
pub(super) async fn of_site_alone(
    resolver: &TokioResolver,
    domain: &DnsName,
    site: &SiteName,
    mut chance: Chance,
) -> Vec<DnsName> {
    in_order(of_site(resolver, domain, Some(site)).await.unwrap_or_default(), &mut chance)
}

async fn of_site(
    resolver: &TokioResolver,
    domain: &DnsName,
    site: Option<&SiteName>,
) -> Result<Vec<Service>, LocateError> {
    let within = site.map(|site| format!("{site}._sites.")).unwrap_or_default();
    services(resolver, domain, &format!("_ldap._tcp.{within}dc._msdcs.{domain}.")).await
}

/// Whoever gives group keys in the domain, in the order in which to ask; none if DNS has none.
pub(super) async fn key_services(
    resolver: &TokioResolver,
    domain: &DnsName,
    mut chance: Chance,
) -> Vec<KeyService> {
    let found = services(resolver, domain, &format!("_gkdi._tcp.{domain}.")).await;
    let found = sorted(found.unwrap_or_default(), &mut chance);
    found.into_iter().map(|Service { target, port, .. }| KeyService { name: target, port }).collect()
}

/// The services of a name, whose dot at the end keeps the resolver's search list out.
async fn services(
    resolver: &TokioResolver,
    domain: &DnsName,
    name: &str,
) -> Result<Vec<Service>, LocateError> {
    let found = timeout(ANSWER_MAX, resolver.srv_lookup(name))
        .await
        .map_err(|_| LocateError::TimedOut(ANSWER_MAX))?
        .map_err(|source| failure(domain, source))?;
    let services = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(service) => Some(Service {
            priority: service.priority,
            weight: service.weight,
            // "." says that there is none, and is no name. RFC 2782.
            target: DnsName::parse(&service.target.to_utf8()).ok()?,
            port: service.port,
        }),
        _ => None,
    });
    Ok(services.collect())
}

fn failure(domain: &DnsName, source: NetError) -> LocateError {
    if source.is_no_records_found() || source.is_nx_domain() {
        LocateError::NoRecord { domain: domain.to_string(), source }
    } else if matches!(source, NetError::Timeout) {
        LocateError::TimedOut(ANSWER_MAX)
    } else {
        LocateError::Unanswered(source)
    }
}

/// The addresses of a controller.
pub(super) async fn addresses(resolver: &TokioResolver, name: &DnsName) -> Result<Vec<IpAddr>, NotTaken> {
    let found = timeout(ANSWER_MAX, resolver.lookup_ip(format!("{name}."))).await;
    let found: Vec<IpAddr> = match found {
        Ok(Ok(found)) => found.iter().take(ADDRESSES_MAX).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if found.is_empty() { Err(NotTaken::NoAddress) } else { Ok(found) }
}

/// The names of hosts, sorted.
pub(super) fn in_order(services: Vec<Service>, chance: &mut Chance) -> Vec<DnsName> {
    sorted(services, chance).into_iter().map(|service| service.target).collect()
}

/// By priority, and among equals by chance, in proportion to their weights. RFC 2782, "Usage rules".
fn sorted(mut services: Vec<Service>, chance: &mut Chance) -> Vec<Service> {
    // Those without weight first, so that they have a small chance: a sum of 0 is reached by none but them.
    services.sort_by(|a, b| (a.priority, a.weight, &a.target).cmp(&(b.priority, b.weight, &b.target)));
    services.dedup_by(|a, b| a.target == b.target);
    let mut sorted = Vec::with_capacity(services.len());
    while let Some(priority) = services.first().map(|service| service.priority) {
        let equals = services.iter().take_while(|service| service.priority == priority);
        let sum = equals.map(|service| u32::from(service.weight)).fold(0, u32::saturating_add);
        let drawn = chance.up_to(sum);
        let mut reached = 0_u32;
        let chosen = services.iter().position(|service| {
            reached = reached.saturating_add(u32::from(service.weight));
            reached >= drawn
        });
        // It is reached at the last of the equals at the latest.
        sorted.push(services.remove(chosen.unwrap_or(0)));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, target: &str) -> Service {
        Service { priority, weight, target: DnsName::parse(target).unwrap(), port: 389 }
    }

    fn firsts(services: &[Service], count: u64) -> std::collections::BTreeMap<String, u32> {
        let mut firsts = std::collections::BTreeMap::new();
        for seed in 0..count {
            let order = in_order(services.to_vec(), &mut Chance(seed));
            assert_eq!(order.len(), services.len());
            *firsts.entry(order[0].to_string()).or_insert(0) += 1;
        }
        firsts
    }

    #[test]
    fn lower_priorities_come_first_whatever_their_weight() {
        let services = [service(1, 65_535, "far"), service(0, 0, "near"), service(2, 1, "last")];
        for seed in 0..100 {
            let order = in_order(services.to_vec(), &mut Chance(seed));
            assert_eq!(order.iter().map(DnsName::as_str).collect::<Vec<_>>(), ["near", "far", "last"]);
        }
    }

    #[test]
    fn among_equals_chance_follows_the_weights() {
        let firsts =
            firsts(&[service(0, 300, "three"), service(0, 100, "one"), service(0, 0, "none")], 10_000);
        // 3 : 1, and what has no weight is chosen when 0 of 400 is drawn.
        assert!((7_200..7_800).contains(&firsts["three"]), "{firsts:?}");
        assert!((2_200..2_800).contains(&firsts["one"]), "{firsts:?}");
        assert!((1..100).contains(&firsts["none"]), "{firsts:?}");
    }

    #[test]
    fn equals_without_weights_are_all_there_once() {
        let services = [service(0, 0, "a"), service(0, 0, "b"), service(0, 0, "a")];
        let order = in_order(services.to_vec(), &mut Chance(7));
        assert_eq!(order.iter().map(DnsName::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(in_order(Vec::new(), &mut Chance(7)), []);
    }

    #[test]
    fn chance_reaches_both_ends_and_nothing_beyond() {
        let mut chance = Chance(1);
        let drawn: std::collections::BTreeSet<u32> = (0..1_000).map(|_| chance.up_to(4)).collect();
        assert_eq!(drawn, (0..=4).collect());
        assert_eq!(chance.up_to(0), 0);
        let _any = chance.up_to(u32::MAX);
    }
}
