//! What `lapwing-server` and its devices say to each other inside of device management, beside the LAPS CSP: who can name
//! actions, the action of an Exec, and how it ended. docs/protocol.md, "Device management".
//!
//! Both sides build and read these parts here, so that they cannot disagree.

use core::fmt::Display;

use lapwing_core::{
    event::Hresult,
    types::{ActionId, DeviceId, PasswordVersion},
};

use crate::syncml::{Alert, AlertCode, CmdId, Format, Item, LocUri, Meta, Operation, Verb};

/// The node whose Exec rotates the password. "LAPS CSP", Actions/ResetPassword.
pub const RESET_PASSWORD: &str = "./Device/Vendor/MSFT/LAPS/Actions/ResetPassword";

/// The type of the alert that says who is logged on. [MS-MDM] 2.2.5.
const LOGIN_STATUS: &str = "com.microsoft/MDM/LoginStatus";
/// The type of the alert by which a device tells that it can name actions.
const ANNOUNCEMENT: &str = "org.lapwing/Management";
/// The version of that which this crate speaks.
const VERSION: &str = "1";
/// The type of the alert that says how an action stands.
const REPORT: &str = "org.lapwing.action";
/// What stands for a part of a report that is absent.
const ABSENT: &str = "-";

/// Who is logged on: nobody whom management knows, so that it addresses the device alone.
#[must_use]
pub fn login_status(id: CmdId) -> Alert {
    client_event(id, LOGIN_STATUS, "none")
}

/// A device can name actions.
#[must_use]
pub fn announcement(id: CmdId) -> Alert {
    client_event(id, ANNOUNCEMENT, VERSION)
}

/// Whether an alert is [`announcement`].
#[must_use]
pub fn is_announcement(alert: &Alert) -> bool {
    alert.code == AlertCode::CLIENT_EVENT
        && alert.items.iter().any(|item| {
            item.meta.kind.as_deref() == Some(ANNOUNCEMENT)
                && item.data.as_deref().map(str::trim) == Some(VERSION)
        })
}

fn client_event(id: CmdId, kind: &str, data: &str) -> Alert {
    let meta = Meta { format: Some(Format::Chr), kind: Some(kind.to_owned()), size: None };
    let item = Item { meta, data: Some(data.to_owned()), ..Item::default() };
    Alert { id, code: AlertCode::CLIENT_EVENT, correlator: None, items: vec![item] }
}

/// What a device says of itself in its first message. OMA-TS-DM_StdObj-V1_2 section 5.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its id.
    pub device: DeviceId,
    /// Who made it.
    pub manufacturer: String,
    /// What it is.
    pub model: String,
    /// Its language, such as `en-US`.
    pub language: String,
}

impl DeviceInfo {
    /// The Replace of the nodes below `./DevInfo`.
    #[must_use]
    pub fn replace(&self, id: CmdId) -> Operation {
        let device = LocUri::device(self.device);
        let items = [
            ("./DevInfo/DevId", device.as_str()),
            ("./DevInfo/Man", &self.manufacturer),
            ("./DevInfo/Mod", &self.model),
            ("./DevInfo/DmV", "1.3"),
            ("./DevInfo/Lang", &self.language),
        ];
        let items = items.map(|(source, data)| Item {
            source: Some(LocUri::known(source)),
            data: Some(data.to_owned()),
            ..Item::default()
        });
        Operation { id, verb: Verb::Replace, correlator: None, items: items.into() }
    }
}

/// The Exec that rotates the password; with an action only for a device that has announced that it can name them.
#[must_use]
pub fn reset_password(id: CmdId, action: Option<ActionId>) -> Operation {
    let item = Item { target: Some(LocUri::known(RESET_PASSWORD)), ..Item::default() };
    Operation { id, verb: Verb::Exec, correlator: action.map(|action| action.to_string()), items: vec![item] }
}

/// How an action stands on its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionReport {
    /// Which.
    pub action: ActionId,
    /// As `ResetPasswordStatus` would show it.
    pub hresult: Hresult,
    /// The password that satisfied it.
    pub version: Option<PasswordVersion>,
    /// The number of the event that says why not.
    pub event: Option<u16>,
}

impl ActionReport {
    /// The alert that tells it.
    #[must_use]
    pub fn alert(&self, id: CmdId) -> Alert {
        let hresult = self.hresult.0.cast_signed();
        let data = format!("{hresult} {} {}", or_absent(self.version), or_absent(self.event));
        let item = Item {
            source: Some(LocUri::known(RESET_PASSWORD)),
            meta: Meta { format: Some(Format::Chr), kind: Some(REPORT.to_owned()), size: None },
            data: Some(data),
            ..Item::default()
        };
        Alert { id, code: AlertCode::GENERIC, correlator: Some(self.action.to_string()), items: vec![item] }
    }

    /// What an alert tells; none if it is no report, or not one that can be read.
    #[must_use]
    pub fn of_alert(alert: &Alert) -> Option<Self> {
        let item = alert.items.iter().find(|item| item.meta.kind.as_deref() == Some(REPORT))?;
        if alert.code != AlertCode::GENERIC {
            return None;
        }
        let mut parts = item.data.as_deref()?.split_ascii_whitespace();
        let hresult: i32 = parts.next()?.parse().ok()?;
        let mut optional = || parts.next().filter(|part| *part != ABSENT);
        let version = optional().map(str::parse).transpose().ok()?;
        let event = optional().map(str::parse).transpose().ok()?;
        let action = alert.correlator.as_deref()?.parse().ok()?;
        Some(Self { action, hresult: Hresult(hresult.cast_unsigned()), version, event })
    }
}

fn or_absent(part: Option<impl Display>) -> String {
    part.map_or_else(|| ABSENT.to_owned(), |part| part.to_string())
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;
    use proptest::{option, prelude::*};

    use super::*;
    use crate::syncml::{Command, Header, Message, MsgId, SessionId, decode, encode};

    fn action() -> ActionId {
        ActionId(Guid::from_bytes([7; 16]))
    }

    /// The parts as they arrive.
    fn sent(commands: Vec<Command>) -> Vec<Command> {
        let device = DeviceId(Guid::from_bytes([1; 16]));
        let header = Header {
            session_id: SessionId::number(0x2a),
            msg_id: MsgId::FIRST,
            target: "https://laps.example/manage".parse().unwrap(),
            source: LocUri::device(device),
            max_msg_size: None,
        };
        decode(&encode(&Message { header, commands, is_final: true })).unwrap().commands
    }

    #[test]
    fn a_device_that_names_actions_is_known() {
        let is = |alert| match &sent(vec![Command::Alert(alert)])[..] {
            [Command::Alert(alert)] => is_announcement(alert),
            other => panic!("{other:?}"),
        };
        assert!(is(announcement(CmdId::number(1))));
        assert!(!is(login_status(CmdId::number(1))));
        let mut later = announcement(CmdId::number(1));
        later.items[0].data = Some("2".to_owned());
        assert!(!is(later));
        assert!(!is(Alert { code: AlertCode::GENERIC, ..announcement(CmdId::number(1)) }));
    }

    #[test]
    fn an_exec_names_its_action() {
        let named = Command::Operation(reset_password(CmdId::number(1), Some(action())));
        let nameless = Command::Operation(reset_password(CmdId::number(2), None));
        assert_eq!(sent(vec![named.clone(), nameless.clone()]), [named.clone(), nameless]);
        let Command::Operation(operation) = named else { unreachable!("made above") };
        assert_eq!(operation.correlator, Some(action().to_string()));
    }

    #[test]
    fn a_report_is_one_line() {
        let report =
            ActionReport { action: action(), hresult: Hresult::PENDING, version: None, event: Some(10059) };
        assert_eq!(report.alert(CmdId::number(1)).items[0].data.as_deref(), Some("-2147483638 - 10059"));
    }

    #[test]
    fn what_is_no_report_is_none() {
        let report = ActionReport { action: action(), hresult: Hresult(0), version: None, event: None };
        let with = |data: &str| {
            let mut alert = report.alert(CmdId::number(1));
            alert.items[0].data = Some(data.to_owned());
            ActionReport::of_alert(&alert)
        };
        assert_eq!(with("0"), Some(report));
        assert_eq!(with("0 - -"), Some(report));
        for data in ["", "x", "0 x", "0 - x", "0 - 70000", "4294967296"] {
            assert_eq!(with(data), None, "{data}");
        }
        let nameless = Alert { correlator: None, ..report.alert(CmdId::number(1)) };
        assert_eq!(ActionReport::of_alert(&nameless), None);
        assert_eq!(ActionReport::of_alert(&announcement(CmdId::number(1))), None);
    }

    proptest! {
        #[test]
        fn a_report_arrives_as_it_was_sent(
            action: [u8; 16],
            hresult: u32,
            version in option::of(any::<[u8; 16]>()),
            event: Option<u16>,
        ) {
            let report = ActionReport {
                action: ActionId(Guid::from_bytes(action)),
                hresult: Hresult(hresult),
                version: version.map(|bytes| PasswordVersion(Guid::from_bytes(bytes))),
                event,
            };
            let arrived = sent(vec![Command::Alert(report.alert(CmdId::number(1)))]);
            let [Command::Alert(alert)] = &arrived[..] else { panic!("{arrived:?}") };
            prop_assert_eq!(ActionReport::of_alert(alert), Some(report));
        }
    }
}
