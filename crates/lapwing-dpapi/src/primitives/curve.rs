//! Diffie-Hellman on the curves P-256 and P-384. SP 800-56A revision 3 section 5.7.1.2.

use lapwing_core::secret::SecretBytes;
use p256::elliptic_curve::{
    CurveArithmetic, Generate as _,
    sec1::{FromSec1Point, ModulusSize, ToSec1Point},
};
use rand_core::CryptoRng;

pub(crate) use p256::{
    NistP256 as P256,
    elliptic_curve::{PublicKey as Public, SecretKey as Private},
};
pub(crate) use p384::NistP384 as P384;

/// What a curve must be able to do here.
pub(crate) trait Curve:
    CurveArithmetic<AffinePoint: FromSec1Point<Self> + ToSec1Point<Self>, FieldBytesSize: ModulusSize>
{
}

impl<C> Curve for C where
    C: CurveArithmetic<AffinePoint: FromSec1Point<C> + ToSec1Point<C>, FieldBytesSize: ModulusSize>
{
}

/// Reads both coordinates of a point, each of full width; none if it is not on the curve.
pub(crate) fn read_public<C: Curve>(coordinates: &[u8]) -> Option<Public<C>> {
    // SEC 1 section 2.3.4: 4 says that the point is not compressed.
    Public::from_sec1_bytes(&[&[4], coordinates].concat()).ok()
}

/// Both coordinates, each of full width.
pub(crate) fn write_public<C: Curve>(key: &Public<C>) -> Vec<u8> {
    key.as_affine().to_sec1_point(false).as_bytes().iter().skip(1).copied().collect()
}

/// A number as a private key; none if it is 0, not below the curve's order, or of another width.
pub(crate) fn read_private<C: Curve>(number: &[u8]) -> Option<Private<C>> {
    Private::from_slice(number).ok()
}

/// A private key, each as likely as any other.
pub(crate) fn draw<C: Curve>(rng: &mut impl CryptoRng) -> Private<C> {
    Private::generate_from_rng(rng)
}

/// The shared point's first coordinate, of full width.
pub(crate) fn agree<C: Curve>(private: &Private<C>, public: &Public<C>) -> SecretBytes {
    SecretBytes::new(private.diffie_hellman(public).raw_secret_bytes().to_vec())
}
