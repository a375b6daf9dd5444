//! The search: controllers are asked one after another with a short head start each, without waiting for the silent. The first
//! that answers and can be written to is the one, unless a nearer one answers in time.

use core::{net::IpAddr, time::Duration};
use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use hickory_resolver::TokioResolver;
use lapwing_proto::ad::{
    dns::{DnsName, SiteName},
    netlogon::{self, Answer},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Found, LocateError, NotTaken, Place, Source, Tried, Wish, ping,
    service::{self, Chance},
};
use crate::ad::controller::Controller;

/// How long a controller has before the next one is asked too.
const HEAD_START: Duration = Duration::from_millis(200);
/// The same for the one that is preferred.
const HEAD_START_PREFERRED: Duration = Duration::from_millis(500);
/// How long controllers of the own site have to answer, once a farther one has.
const SITE_WAIT_MAX: Duration = Duration::from_millis(800);
/// The most controllers that are asked in one search.
const CONTROLLERS_MAX: usize = 32;

/// A search for controllers, one after another.
#[derive(Debug)]
pub struct Candidates {
    context: Arc<Context>,
    preferred: Option<String>,
    never: BTreeSet<String>,
    last: BTreeSet<String>,
    chance: Chance,
    /// Those to ask next, with their addresses where these are known.
    waiting: VecDeque<(Place, Option<IpAddr>)>,
    /// Those that wait for all others.
    laggards: VecDeque<(Place, Option<IpAddr>)>,
    /// All that were ever put in line.
    seen: BTreeSet<Place>,
    /// All that were handed out, by name.
    taken: BTreeSet<String>,
    running: JoinSet<Event>,
    /// Whether DNS still has to say who there is.
    is_listing: bool,
    /// From when on the next one may be asked.
    next: Instant,
    /// Farther ones that answered.
    far: VecDeque<Found>,
    /// The site whose controllers have been asked for.
    site: Option<SiteName>,
    tried: Vec<Tried>,
    unlisted: Option<LocateError>,
}

/// What every task of a search needs.
#[derive(Debug)]
struct Context {
    source: Source,
    resolver: Option<TokioResolver>,
    question: Vec<u8>,
    port: u16,
}

enum Event {
    /// Who there is.
    Listed(Result<Vec<DnsName>, LocateError>),
    /// Who there is in the site that a controller told.
    OfSite(Vec<DnsName>),
    /// What became of one.
    Asked(Place, Result<(IpAddr, Option<Answer>), NotTaken>),
}

impl Candidates {
    /// Begins a search, inside a runtime of tokio's. `chance` decides whom among equals to ask first.
    #[must_use]
    pub fn begin(source: Source, wish: Wish, chance: u64) -> Self {
        Self::begin_at(source, wish, chance, ping::PORT)
    }

    fn begin_at(source: Source, wish: Wish, chance: u64, port: u16) -> Self {
        let question = netlogon::question(ping::MESSAGE, &source.domain, &source.host);
        let (resolver, unlisted) = match service::resolver() {
            Ok(resolver) => (Some(resolver), None),
            Err(error) => (None, Some(error)),
        };
        let context = Arc::new(Context { source, resolver, question, port });
        let mut this = Self {
            site: context.source.site.clone(),
            preferred: wish.preferred.as_ref().map(|preferred| preferred.name.clone()),
            never: wish.never,
            last: wish.last,
            chance: Chance(chance),
            waiting: VecDeque::new(),
            laggards: VecDeque::new(),
            seen: BTreeSet::new(),
            taken: BTreeSet::new(),
            running: JoinSet::new(),
            is_listing: false,
            next: Instant::now(),
            far: VecDeque::new(),
            tried: Vec::new(),
            unlisted,
            context,
        };
        if let Some(preferred) = wish.preferred.filter(|preferred| preferred.domain == this.domain().as_str())
            && let Ok(name) = DnsName::parse(&preferred.name)
        {
            this.put(Place::Name(name), Some(preferred.address));
            this.next += HEAD_START_PREFERRED;
            this.start();
        }
        this.list();
        this
    }

    /// The next controller that answers and can be written to, within `limit`; none if there is no other.
    pub async fn next(&mut self, limit: Duration) -> Option<Found> {
        let deadline = Instant::now() + limit;
        let mut site_deadline = (!self.far.is_empty()).then(|| Instant::now() + SITE_WAIT_MAX);
        loop {
            if self.waiting.is_empty() && self.running.is_empty() && !self.is_listing {
                self.waiting.append(&mut self.laggards);
            }
            if self.waiting.is_empty() && self.running.is_empty() {
                return self.take_far();
            }
            let give_up = site_deadline.map_or(deadline, |site: Instant| site.min(deadline));
            tokio::select! {
                biased;
                Some(event) = self.running.join_next() => match event {
                    Ok(Event::Asked(place, outcome)) => match self.judge(place, outcome) {
                        Some(found) if self.is_near(&found) => return Some(found),
                        Some(found) => {
                            self.ask_site(&found);
                            self.far.push_back(found);
                            site_deadline.get_or_insert_with(|| Instant::now() + SITE_WAIT_MAX);
                        }
                        // No need to wait for the head start of one that has failed.
                        None => self.next = Instant::now(),
                    },
                    Ok(Event::Listed(listed)) => self.note_list(listed),
                    Ok(Event::OfSite(names)) => self.put_first(names),
                    // A task that panicked found nobody.
                    Err(_) => {}
                },
                () = sleep_until(self.next), if !self.waiting.is_empty() => self.start(),
                () = sleep_until(give_up) => {
                    if self.far.is_empty() { self.give_up(limit); }
                    return self.take_far();
                }
            }
        }
    }

    /// Notes that no connection to one that was handed out came to stand.
    pub fn failed(&mut self, controller: &Controller, why: NotTaken) {
        self.tried.push(Tried { controller: controller.name.clone(), why });
    }

    /// Who was not taken, and why; and why DNS named nobody, if that is so.
    #[must_use]
    pub fn into_tried(self) -> (Vec<Tried>, Option<LocateError>) {
        (self.tried, self.unlisted)
    }

    fn domain(&self) -> &DnsName {
        &self.context.source.domain
    }

    /// Finds out who there is: from the configuration, or from DNS.
    fn list(&mut self) {
        let context = Arc::clone(&self.context);
        if !context.source.controllers.is_empty() {
            self.unlisted = None;
            for place in &context.source.controllers {
                self.put(place.clone(), None);
            }
        } else if context.resolver.is_some() {
            let chance = self.chance.fork();
            self.is_listing = true;
            self.running.spawn(async move {
                let Context { source, resolver, .. } = &*context;
                let Some(resolver) = resolver else { return Event::OfSite(Vec::new()) };
                Event::Listed(
                    service::controllers(resolver, &source.domain, source.site.as_ref(), chance).await,
                )
            });
        }
    }

    fn note_list(&mut self, listed: Result<Vec<DnsName>, LocateError>) {
        self.is_listing = false;
        match listed {
            Ok(names) => names.into_iter().for_each(|name| self.put(Place::Name(name), None)),
            Err(error) => self.unlisted = Some(error),
        }
    }

    /// Puts one in line, unless it was there before or must not be asked.
    fn put(&mut self, place: Place, address: Option<IpAddr>) {
        let name = place.to_string();
        if self.seen.len() < CONTROLLERS_MAX && !self.never.contains(&name) && self.seen.insert(place.clone())
        {
            let line = if self.last.contains(&name) { &mut self.laggards } else { &mut self.waiting };
            line.push_back((place, address));
        }
    }

    fn put_first(&mut self, names: Vec<DnsName>) {
        for name in names.into_iter().rev() {
            let place = Place::Name(name);
            if let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == place) {
                let first = self.waiting.remove(at);
                self.waiting.extend(first);
                self.waiting.rotate_right(1);
            } else {
                let before = self.waiting.len();
                self.put(place, None);
                if self.waiting.len() > before {
                    self.waiting.rotate_right(1);
                }
            }
        }
        // They need not wait for those that were asked before.
        self.next = Instant::now();
    }

    /// Asks the next in line.
    fn start(&mut self) {
        let Some((place, address)) = self.waiting.pop_front() else { return };
        self.next = self.next.max(Instant::now() + HEAD_START);
        let context = Arc::clone(&self.context);
        self.running.spawn(async move {
            let outcome = context.ask(&place, address).await;
            Event::Asked(place, outcome)
        });
    }

    /// Whether one is what was looked for; if not, why, is noted.
    fn judge(&mut self, place: Place, outcome: Result<(IpAddr, Option<Answer>), NotTaken>) -> Option<Found> {
        let judged = outcome.and_then(|(address, answer)| {
            let name = match (&answer, &place) {
                (Some(answer), _) if answer.domain != *self.domain() => {
                    return Err(NotTaken::OtherDomain(answer.domain.clone()));
                }
                (Some(answer), _) if !answer.roles.is_writable() => return Err(NotTaken::ReadOnly),
                (Some(answer), _) => answer.controller.to_string(),
                (None, Place::Name(name)) => name.to_string(),
                (None, Place::Address(_)) => return Err(NotTaken::Nameless),
            };
            Ok(Found { controller: Controller { name, address, domain: self.domain().to_string() }, answer })
        });
        match judged {
            Ok(found) => {
                let name = &found.controller.name;
                (!self.never.contains(name) && self.taken.insert(name.clone())).then_some(found)
            }
            Err(why) => {
                self.tried.push(Tried { controller: place.to_string(), why });
                None
            }
        }
    }

    /// Whether there is no use in waiting for a nearer one.
    fn is_near(&self, found: &Found) -> bool {
        let Some(answer) = &found.answer else { return true };
        answer.roles.is_closest()
            || answer.client_site.is_none()
            || answer.client_site == self.site
            || !self.context.source.controllers.is_empty()
            || self.context.resolver.is_none()
            || self.preferred.as_ref() == Some(&found.controller.name)
    }

    /// Has DNS asked for the controllers of the site that this host is in, as one of another site told.
    fn ask_site(&mut self, found: &Found) {
        let site = found.answer.as_ref().and_then(|answer| answer.client_site.clone());
        let Some(site) = site.filter(|site| Some(site) != self.site.as_ref()) else { return };
        self.site = Some(site.clone());
        let (context, chance) = (Arc::clone(&self.context), self.chance.fork());
        self.running.spawn(async move {
            let Some(resolver) = &context.resolver else { return Event::OfSite(Vec::new()) };
            Event::OfSite(service::of_site_alone(resolver, &context.source.domain, &site, chance).await)
        });
    }

    fn take_far(&mut self) -> Option<Found> {
        self.far.pop_front()
    }

    /// The time is up: whoever was asked and is not heard of is silent.
    fn give_up(&mut self, limit: Duration) {
        let heard: BTreeSet<&str> = self.tried.iter().map(|tried| tried.controller.as_str()).collect();
        let waiting: BTreeSet<&Place> =
            self.waiting.iter().chain(&self.laggards).map(|(place, _)| place).collect();
        let silent = self.seen.iter().filter(|place| {
            let name = place.to_string();
            !waiting.contains(place) && !heard.contains(name.as_str()) && !self.taken.contains(&name)
        });
        let silent: Vec<Tried> =
            silent.map(|place| Tried { controller: place.to_string(), why: NotTaken::Silent }).collect();
        self.tried.extend(silent);
        if self.is_listing {
            self.is_listing = false;
            self.unlisted = Some(LocateError::TimedOut(limit));
        }
        self.running.abort_all();
    }
}

impl Context {
    /// Asks one at all of its addresses: the first that answers.
    async fn ask(&self, place: &Place, known: Option<IpAddr>) -> Result<(IpAddr, Option<Answer>), NotTaken> {
        let addresses = match (place, known, &self.resolver) {
            (_, Some(address), _) => vec![address],
            (Place::Address(address), None, _) => vec![*address],
            (Place::Name(name), None, Some(resolver)) => service::addresses(resolver, name).await?,
            (Place::Name(_), None, None) => return Err(NotTaken::NoAddress),
        };
        let mut asked = JoinSet::new();
        for address in addresses {
            let (question, to) = (self.question.clone(), SocketAddr::new(address, self.port));
            asked.spawn(async move { (address, ping::ask(to, &question).await) });
        }
        let mut why = NotTaken::Silent;
        while let Some(answered) = asked.join_next().await {
            match answered {
                Ok((address, Ok(answer))) => return Ok((address, answer)),
                Ok((_, Err(error))) => why = error,
                Err(_) => {}
            }
        }
        Err(why)
    }
}

#[cfg(test)]
mod tests;
