//! What protects an association: a security context of GSSAPI's in the style of DCE, seen from here.

use core::error::Error;

/// One fragment in parts, in the order in which they are signed.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its headers as they are on the wire; empty where headers are not signed.
    pub header: &'a [u8],
    /// What is encrypted, in place: a multiple of 16 bytes.
    pub body: &'a mut [u8],
    /// What stands before the signature; empty where headers are not signed.
    pub trailer: &'a [u8],
}

/// One side of a security context that was begun for mutual authentication, confidentiality, integrity, and the detection of
/// replay and of messages out of sequence, in the style of DCE. RFC 2743; [MS-KILE] 3.4.5.4.1.
pub trait Seal {
    /// Why something did not work.
    type Error: Error;

    /// Takes a token of the peer: the answer to it, empty if there is none.
    ///
    /// # Errors
    /// When the peer does not prove who it is, or agrees to less than was wanted.
    fn step(&mut self, token: &[u8]) -> Result<Vec<u8>, Self::Error>;

    /// Whether both sides have proved who they are.
    fn is_complete(&self) -> bool;

    /// How long the signature of a body of so many bytes is, in bytes.
    ///
    /// # Errors
    /// When the context is not complete.
    fn signature_len(&mut self, body_len: usize) -> Result<usize, Self::Error>;

    /// Encrypts the body in place: the signature, as long as [`Self::signature_len`] has told.
    ///
    /// # Errors
    /// When the context is not complete or has expired.
    fn seal(&mut self, message: Message<'_>) -> Result<Vec<u8>, Self::Error>;

    /// Decrypts the body in place.
    ///
    /// # Errors
    /// When any part is not as it was sealed, or it is not the one that follows those opened before.
    fn open(&mut self, message: Message<'_>, signature: &[u8]) -> Result<(), Self::Error>;
}
