//! Both machines, joined; what is on the wire, against what others have recorded; and what strangers may send.

mod both;
mod fake;
mod fragments;
mod joined;
mod strangers;
mod wire;
