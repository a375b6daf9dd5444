//! How a Windows device comes to tell where it can be woken: it is told whose notifications these are (a package family
//! name), registers with Windows' push service by itself, and is asked for its channel in each session. "Push
//! notification support for device management", Microsoft Learn; "DMClient CSP", Push. Not verified live.
//!
//! As with a policy each step follows from one package, and the ids of the commands say what they are about.

use lapwing_proto::{
    syncml::{CmdId, Command, Format, Item, Meta, Operation, Results, StatusCode, Verb},
    wns::ChannelUri,
};

/// Names this server in the tree of a Windows device.
pub(crate) const PROVIDER: &str = "Lapwing";

/// The ids of the commands: below those of policies and of the session's own work.
const READ_FAMILY: u32 = 800_000;
const READ_CHANNEL: u32 = 800_001;
const SET_FAMILY: u32 = 800_002;

/// What a package says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Whose notifications the device listens to; within, none if to nobody's.
    family: Option<Option<String>>,
    /// How it took a new one.
    was_set: Option<StatusCode>,
    channel: Option<String>,
}

/// Where the device can be woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It does not say, or has no channel of ours yet.
    Nothing,
    Channel(ChannelUri),
    /// It says something that is no channel of the service, and is never called.
    Foreign,
}

fn node(name: &str) -> String {
    format!("./Device/Vendor/MSFT/DMClient/Provider/{PROVIDER}/Push/{name}")
}

impl Heard {
    /// Takes note of a Status, if it is about one of these commands.
    pub(crate) fn take_status(&mut self, about: &CmdId, code: StatusCode) {
        match about.as_str().parse() {
            Ok(SET_FAMILY) => self.was_set = Some(code),
            // What was read comes in Results of its own.
            Ok(READ_FAMILY) if code == StatusCode::NOT_FOUND => self.family = Some(None),
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes note of what was read.
    pub(crate) fn take_results(&mut self, results: &Results) {
        for item in &results.items {
            let uri = item.source.as_ref().or(item.target.as_ref()).map_or("", |uri| uri.as_str());
            let data = item.data.clone().unwrap_or_default().trim().to_owned();
            if uri.eq_ignore_ascii_case(&node("PFN")) {
                self.family = Some(Some(data).filter(|data| !data.is_empty()));
            } else if uri.eq_ignore_ascii_case(&node("ChannelURI")) {
                self.channel = Some(data).filter(|data| !data.is_empty());
            }
        }
    }

    /// What an earlier message of the package has said, where this one says nothing.
    pub(crate) fn add_earlier(&mut self, earlier: Self) {
        self.family = self.family.take().or(earlier.family);
        self.was_set = self.was_set.or(earlier.was_set);
        self.channel = self.channel.take().or(earlier.channel);
    }

    /// Where the device can be woken. A channel that belongs to somebody else's notifications is none of ours.
    pub(crate) fn told(&self, family: &str) -> Told {
        let is_ours = self.was_set.is_some_and(StatusCode::is_success)
            || self.family.as_ref().is_some_and(|found| found.as_deref() == Some(family));
        match &self.channel {
            Some(channel) if is_ours => ChannelUri::parse(channel).map_or(Told::Foreign, Told::Channel),
            Some(_) | None => Told::Nothing,
        }
    }
}

/// What to send, so that the device tells its channel for the notifications of `family`.
pub(crate) fn ask(starts: bool, heard: &Heard, family: &str) -> Vec<Command> {
    if starts {
        return vec![read(READ_FAMILY, "PFN"), read(READ_CHANNEL, "ChannelURI")];
    }
    let verb = match &heard.family {
        Some(None) => Verb::Add,
        Some(Some(found)) if found != family => Verb::Replace,
        Some(Some(_)) | None => return Vec::new(),
    };
    let meta = Meta { format: Some(Format::Chr), kind: Some("text/plain".to_owned()), size: None };
    let item =
        Item { target: node("PFN").parse().ok(), meta, data: Some(family.to_owned()), ..Item::default() };
    // Registering takes the device its time: often the channel is there in the next session only.
    vec![operation(SET_FAMILY, verb, item), read(READ_CHANNEL, "ChannelURI")]
}

fn read(id: u32, name: &str) -> Command {
    operation(id, Verb::Get, Item { target: node(name).parse().ok(), ..Item::default() })
}

fn operation(id: u32, verb: Verb, item: Item) -> Command {
    Command::Operation(Operation { id: CmdId::number(id), verb, correlator: None, items: vec![item] })
}

#[cfg(test)]
mod tests {
    use lapwing_proto::syncml::MsgId;

    use super::*;

    const FAMILY: &str = "Contoso.Push_8wekyb3d8bbwe";
    const CHANNEL: &str = "https://db5p.notify.windows.com/?token=abc";

    fn heard(family: Option<&str>, channel: Option<&str>) -> Heard {
        let mut heard = Heard::default();
        for (name, data) in [("PFN", family), ("ChannelURI", channel)] {
            let source = node(name).to_uppercase().parse().ok();
            let item = Item { source, data: data.map(str::to_owned), ..Item::default() };
            let (id, cmd_ref) = (CmdId::number(1), CmdId::number(READ_FAMILY));
            heard.take_results(&Results { id, msg_ref: MsgId(1), cmd_ref, items: vec![item] });
        }
        heard
    }

    fn verbs(commands: &[Command]) -> Vec<&str> {
        commands.iter().map(Command::name).collect()
    }

    #[test]
    fn a_channel_of_ours_is_believed_if_it_is_one_of_the_service() {
        let table = [
            (heard(Some(FAMILY), Some(CHANNEL)), Told::Channel(ChannelUri::parse(CHANNEL).unwrap())),
            (heard(Some(FAMILY), Some("https://127.0.0.1/x")), Told::Foreign),
            (heard(Some(FAMILY), None), Told::Nothing),
            (heard(Some("Other_1"), Some(CHANNEL)), Told::Nothing),
            (heard(None, Some(CHANNEL)), Told::Nothing),
            (Heard { family: None, ..heard(None, Some(CHANNEL)) }, Told::Nothing),
        ];
        for (heard, told) in table {
            assert_eq!(heard.told(FAMILY), told, "{heard:?}");
        }
    }

    #[test]
    fn a_device_is_told_whose_notifications_these_are_only_where_it_does_not_know() {
        assert_eq!(verbs(&ask(true, &Heard::default(), FAMILY)), ["Get", "Get"]);
        assert_eq!(verbs(&ask(false, &Heard::default(), FAMILY)), [""; 0]);
        assert_eq!(verbs(&ask(false, &heard(Some(FAMILY), None), FAMILY)), [""; 0]);
        assert_eq!(verbs(&ask(false, &heard(Some("Other_1"), None), FAMILY)), ["Replace", "Get"]);
        let mut nobody = Heard::default();
        nobody.take_status(&CmdId::number(READ_FAMILY), StatusCode::NOT_FOUND);
        assert_eq!(verbs(&ask(false, &nobody, FAMILY)), ["Add", "Get"]);
    }

    #[test]
    fn a_name_that_was_just_taken_counts_and_one_that_was_refused_does_not() {
        for (code, told) in [(200, true), (500, false)] {
            let mut heard = Heard { family: None, ..heard(None, Some(CHANNEL)) };
            heard.take_status(&CmdId::number(SET_FAMILY), StatusCode(code));
            assert_eq!(matches!(heard.told(FAMILY), Told::Channel(_)), told);
            assert_eq!(verbs(&ask(false, &heard, FAMILY)), [""; 0], "not twice in one session");
        }
    }
}
