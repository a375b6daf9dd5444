//! Powers in the multiplicative group of a prime of 2048 bits, in constant time as to exponents.

use crypto_bigint::{
    NonZero, Odd, U64, U256, U512, U2048, Uint,
    modular::{FixedMontyForm, FixedMontyParams},
};
use zeroize::Zeroizing;

use super::{Secret, secret};

/// The length of an element in bytes.
pub(crate) const LEN: usize = U2048::BYTES;
/// The longest exponent, in bytes.
pub(crate) const EXPONENT_LEN_MAX: usize = 64;
/// The length of what an exponent is blinded with, in bytes: nobody finds one by trying 2^64 of them at somebody else.
pub(crate) const BLIND_LEN: usize = 8;

/// The modulus, the generator and the order of "2048-bit MODP Group with 256-bit Prime Order Subgroup". RFC 5114 section 2.3.
const MODULUS: Odd<U2048> = Odd::<U2048>::from_be_hex(
    "87a8e61db4b6663cffbbd19c651959998ceef608660dd0f25d2ceed4435e3b00e00df8f1d61957d4faf7df4561\
     b2aa3016c3d91134096faa3bf4296d830e9a7c209e0c6497517abd5a8a9d306bcf67ed91f9e6725b4758c022e0\
     b1ef4275bf7b6c5bfc11d45f9088b941f54eb1e59bb8bc39a0bf12307f5c4fdb70c581b23f76b63acae1caa6b7\
     902d52526735488a0ef13c6d9a51bfa4ab3ad8347796524d8ef6a167b5a41825d967e144e5140564251ccacb83\
     e6b486f6b3ca3f7971506026c0b857f689962856ded4010abd0be621c3a3960a54e710c375f26375d7014103a4\
     b54330c198af126116d2276e11715f693877fad7ef09cadb094ae91e1a1597",
);
const GENERATOR: U2048 = U2048::from_be_hex(
    "3fb32c9b73134d0b2e77506660edbd484ca7b18f21ef205407f4793a1a0ba12510dbc15077be463fff4fed4aac\
     0bb555be3a6c1b0c6b47b1bc3773bf7e8c6f62901228f8c28cbb18a55ae31341000a650196f931c77a57f2ddf4\
     63e5e9ec144b777de62aaab8a8628ac376d282d6ed3864e67982428ebc831d14348f6f2f9193b5045af2767164\
     e1dfc967c1fb3f2e55a4bd1bffe83b9c80d052b985d182ea0adb2a3b7313d3fe14c8484b1e052588b9b7d2bbd2\
     df016199ecd06e1557cd0915b3353bbb64e0ec377fd028370df92b52c7891428cdc67eb6184b523d1db246c32f\
     63078490f00ef8d647d148d47954515e2327cfef98c582664b4c0f6cc41659",
);
const ORDER: NonZero<U256> = NonZero::<U256>::new_unwrap(U256::from_be_hex(
    "8cf83642a709a097b447997640129da299b1a47d1eb3750ba308b0fe64f5fbd3",
));

/// A group and its generator.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Group {
    params: FixedMontyParams<{ U2048::LIMBS }>,
    generator: U2048,
}

impl Group {
    /// The group of RFC 5114 section 2.3, which Windows takes by itself.
    pub(crate) const fn rfc5114() -> Self {
        const PARAMS: FixedMontyParams<{ U2048::LIMBS }> = FixedMontyParams::new_vartime(MODULUS);
        Self { params: PARAMS, generator: GENERATOR }
    }

    /// A group of another modulus, which the caller trusts to be prime; none if it is even or has not 2048 bits, or if the
    /// generator is 0, 1, -1 or no element.
    pub(crate) fn new(modulus: &[u8; LEN], generator: &[u8; LEN]) -> Option<Self> {
        let modulus = U2048::from_be_slice(modulus);
        let has_all_bits = modulus.bits_vartime() == U2048::BITS;
        let modulus: Odd<U2048> = Option::from(Odd::new(modulus)).filter(|_| has_all_bits)?;
        let params = FixedMontyParams::new_vartime(modulus);
        let group = Self { params, generator: U2048::from_be_slice(generator) };
        group.is_between(&group.generator).then_some(group)
    }

    pub(crate) fn modulus(&self) -> [u8; LEN] {
        bytes(self.params.modulus().as_ref())
    }

    pub(crate) fn generator(&self) -> [u8; LEN] {
        bytes(&self.generator)
    }

    /// Whether an element is none of 0, 1 and -1, and lies in the generator's subgroup where that one's order is known.
    /// SP 800-56A revision 3 section 5.6.2.3.1.
    pub(crate) fn contains(&self, element: &[u8; LEN]) -> bool {
        let is_of_order = |order: NonZero<U256>| {
            self.power(&U2048::from_be_slice(element), order.as_ref(), U256::BITS) == U2048::ONE
        };
        self.is_element(element) && self.order().is_none_or(is_of_order)
    }

    /// Whether an element is none of 0, 1 and -1, wherever else it lies. SP 800-56A revision 3 section 5.6.2.3.2.
    pub(crate) fn is_element(&self, element: &[u8; LEN]) -> bool {
        self.is_between(&U2048::from_be_slice(element))
    }

    /// The order of the generator's subgroup, if this is the group of which it is known.
    fn order(&self) -> Option<NonZero<U256>> {
        (*self.params.modulus() == MODULUS && self.generator == GENERATOR).then_some(ORDER)
    }

    fn is_between(&self, element: &U2048) -> bool {
        let last = self.params.modulus().as_ref().wrapping_sub(&U2048::ONE);
        U2048::ONE < *element && *element < last
    }

    /// The generator to the power of a big-endian number of at most [`EXPONENT_LEN_MAX`] bytes; what is longer is cut off.
    pub(crate) fn raise_generator(&self, exponent: &[u8]) -> [u8; LEN] {
        **self.raise(&self.generator(), exponent)
    }

    /// An element that the group [contains](Self::contains) to the power of a number, as above, with all its leading zeros.
    pub(crate) fn raise(&self, element: &[u8; LEN], exponent: &[u8]) -> Secret<LEN> {
        let exponent = number(exponent);
        // Within a subgroup exponents count modulo its order, and a power of half the length takes half the time.
        self.raise_by(
            element,
            &match self.order() {
                Some(order) => (Zeroizing::new(exponent.rem(&order).resize()), U256::BITS),
                None => (exponent, U512::BITS),
            },
        )
    }

    /// The same for an element that may lie outside of the subgroup, where that one's order is known: to the power of a number
    /// that is the same modulo the order, and modulo any other is anybody's guess for whoever does not know `blind`.
    pub(crate) fn raise_blinded(
        &self,
        element: &[u8; LEN],
        exponent: &[u8],
        blind: &[u8; BLIND_LEN],
    ) -> Secret<LEN> {
        let exponent = number(exponent);
        self.raise_by(
            element,
            &match self.order() {
                Some(order) => {
                    let within: Zeroizing<U512> = Zeroizing::new(exponent.rem(&order).resize());
                    let multiple =
                        Zeroizing::new(number(blind).wrapping_mul(&order.resize::<{ U512::LIMBS }>()));
                    // Below 2^64 times the order.
                    (Zeroizing::new(within.wrapping_add(&multiple)), U256::BITS + U64::BITS)
                }
                None => (exponent, U512::BITS),
            },
        )
    }

    fn raise_by(&self, element: &[u8; LEN], (exponent, bits): &(Zeroizing<U512>, u32)) -> Secret<LEN> {
        let power = Zeroizing::new(self.power(&U2048::from_be_slice(element), exponent, *bits));
        secret(|out| out.copy_from_slice(Zeroizing::new(power.to_be_bytes()).as_ref()))
    }

    fn power<const LIMBS: usize>(&self, element: &U2048, exponent: &Uint<LIMBS>, bits: u32) -> U2048 {
        let form = FixedMontyForm::new(element, &self.params);
        let exponent_in_full = Zeroizing::new(exponent.resize());
        Zeroizing::new(form.pow_amm_bounded_exp(&exponent_in_full, bits)).retrieve()
    }
}

#[cfg(test)]
impl Group {
    /// An element of this order, which divides the modulus less 1.
    pub(crate) fn of_order(&self, order: u8) -> [u8; LEN] {
        let order = NonZero::new(U2048::from_u8(order)).unwrap();
        let last = self.params.modulus().as_ref().wrapping_sub(&U2048::ONE);
        bytes(&self.power(&U2048::from_u8(3), &last.wrapping_div(&order), U2048::BITS))
    }
}

/// A big-endian number of at most [`EXPONENT_LEN_MAX`] bytes; what is longer is cut off.
fn number(bytes: &[u8]) -> Zeroizing<U512> {
    let bytes = bytes.get(..EXPONENT_LEN_MAX).unwrap_or(bytes);
    let mut wide = Zeroizing::new([0; EXPONENT_LEN_MAX]);
    wide.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
    Zeroizing::new(U512::from_be_slice(&*wide))
}

fn bytes(number: &U2048) -> [u8; LEN] {
    let mut out = [0; LEN];
    out.copy_from_slice(number.to_be_bytes().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same modulus with a generator whose order nobody says.
    fn unknown() -> Group {
        let mut generator = [0; LEN];
        generator[LEN - 1] = 3;
        Group::new(&Group::rfc5114().modulus(), &generator).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn powers_are_the_same_whether_the_order_is_known_or_not(
            exponent in proptest::collection::vec(any::<u8>(), 0..=EXPONENT_LEN_MAX),
        ) {
            let (known, unknown) = (Group::rfc5114(), unknown());
            let power = unknown.raise(&known.generator(), &exponent);
            prop_assert_eq!(&known.raise(&known.generator(), &exponent), &power);
            prop_assert!(known.contains(&power) || exponent.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn where_the_order_is_not_known_both_sides_agree_too() {
        let group = unknown();
        let ([a, b], element) = ([[0xa7; 64], [0x5b; 64]], |exponent| group.raise_generator(exponent));
        assert_eq!(group.raise(&element(&a), &b), group.raise(&element(&b), &a));
        assert!(group.contains(&element(&a)) && !Group::rfc5114().contains(&element(&a)));
    }
}
