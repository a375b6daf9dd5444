//! Group keys: what a controller derives from a root key for a descriptor and an interval. [MS-GKDI].

mod agreement;
mod envelope;
mod flags;
pub mod grant;
mod interval;
mod key_id;
mod name;
mod parameters;
mod root_key;
pub mod stored;
mod tree;
mod wire;

pub(crate) use agreement::{Agreed, PrivateKey, UncheckedKey};
pub use agreement::{DegenerateKey, PublicKey, PublicKeyError};
pub use envelope::{EnvelopeError, GroupKey, GroupKeyEnvelope};
pub use flags::Flags;
pub use interval::{Interval, IntervalError};
pub use key_id::{KeyIdentifier, KeyIdentifierError};
pub use name::{DomainNames, NAME_LEN_MAX, Name, NameError};
pub use parameters::{DhParameters, KdfParameters, ParametersError, SecretAgreement};
pub(crate) use root_key::group_private_key;
pub use root_key::{ROOT_KEY_LEN, RootKey, Share};
pub use stored::{StoredRootKey, StoredRootKeyError};
pub use tree::{L0Key, L1Key, L2Key, SEED_LEN};
