"""Opens a seal (RFC 9180, base mode, X25519, HKDF-SHA256, AES-256-GCM) by other code than the program's.

Standard input: secret key, sealed password and info, each a line of hexadecimal. Prints the password.
"""
import hashlib
import hmac
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

secret_key, sealed, info = (bytes.fromhex(line) for line in sys.stdin)
KEM = b"KEM" + (0x20).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(code.to_bytes(2, "big") for code in (0x20, 1, 2))


def extract(suite, salt, label, material):
    return hmac.new(salt, b"HPKE-v1" + suite + label + material, hashlib.sha256).digest()


def expand(suite, key, label, context, length):
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
    assert length <= 32
    return hmac.new(key, text + b"\x01", hashlib.sha256).digest()[:length]


encapsulated, ciphertext = sealed[:32], sealed[32:]
key = X25519PrivateKey.from_private_bytes(secret_key)
shared = key.exchange(X25519PublicKey.from_public_bytes(encapsulated))
public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
shared = expand(KEM, extract(KEM, b"", b"eae_prk", shared), b"shared_secret", encapsulated + public, 32)
context = b"\x00" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
secret = extract(SUITE, shared, b"secret", b"")
aead = AESGCM(expand(SUITE, secret, b"key", context, 32))
nonce = expand(SUITE, secret, b"base_nonce", context, 12)
sys.stdout.write(aead.decrypt(nonce, ciphertext, b"").decode())
