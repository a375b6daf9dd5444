//! Both machines, joined; what is on the wire, against what others have recorded; and what strangers may send.

mod fake;
mod joined;
mod strangers;
mod wire;
