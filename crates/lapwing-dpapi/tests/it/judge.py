"""The Python package dpapi-ng, an implementation by others, opens blobs and makes some.

Standard input: {"root_keys": [key files], "open": [blob], "make": [{"id", "sid", "interval", "public", "plain"}]}
Standard output: {"opened": [plain], "made": [blob], "leading_zeros": shared secrets so far that began with a zero byte, two}
Bytes are hexadecimal. Nothing is left to chance, so that every run is the same.
"""

import json
import math
import random
import sys
import types
import uuid

import dpapi_ng
from cryptography.hazmat.primitives.asymmetric import ec
from dpapi_ng import _client, _gkdi
from dpapi_ng._blob import SIDDescriptor
from dpapi_ng._crypto import kdf

CURVES = {"ECDH_P256": ("P256", ec.SECP256R1(), 32), "ECDH_P384": ("P384", ec.SECP384R1(), 48)}

zeros = 0
concatenate = _gkdi.kdf_concat


def counting(algorithm, shared_secret, *rest, **named):
    global zeros
    zeros += shared_secret[0] == 0
    return concatenate(algorithm, shared_secret, *rest, **named)


def load(cache, file):
    cache.load_key(
        bytes.fromhex(file["key"]),
        uuid.UUID(file["id"]),
        kdf_parameters=_gkdi.KDFParameters(file["hash"]).pack(),
        secret_algorithm=file["secret_agreement"],
        private_key_length=file["private_key_bits"],
        public_key_length=file["public_key_bits"],
    )


def public_key(envelope, algorithm):
    """As the domain controller makes it: the package has no need to."""
    length = math.ceil(envelope.private_key_length / 8)
    name = (envelope.secret_algorithm + "\0").encode("utf-16-le")
    number = int.from_bytes(kdf(algorithm, envelope.l2_key, _gkdi.KDS_SERVICE_LABEL, name, length), "big")
    if envelope.secret_algorithm == "DH":
        group = _gkdi.FFCDHParameters.unpack(envelope.secret_parameters)
        p, g = group.field_order, group.generator
        return _gkdi.FFCDHKey(group.key_length, p, g, pow(g, number, p)).pack()
    name, curve, width = CURVES[envelope.secret_algorithm]
    point = ec.derive_private_key(number, curve).public_key().public_numbers()
    return _gkdi.ECDHKey(name, width, point.x, point.y).pack()


def make(cache, wanted):
    descriptor = SIDDescriptor(wanted["sid"])
    l0, l1, l2 = wanted["interval"]
    seed = cache._get_key(descriptor.get_target_sd(), uuid.UUID(wanted["id"]), l0, l1, l2)
    algorithm = _gkdi.KDFParameters.unpack(seed.kdf_parameters).hash_algorithm
    parts = {name: getattr(seed, name) for name in seed.__dataclass_fields__ if name != "magic"}
    parts |= {"l0": l0, "l1": l1, "l2": l2, "l1_key": b"", "flags": 2, "domain_name": "lab.example"}
    parts["l2_key"] = _gkdi.compute_l2_key(algorithm, l1, l2, seed)
    envelope = _gkdi.GroupKeyEnvelope(**parts)
    if wanted["public"]:
        parts |= {"flags": 3, "l2_key": public_key(envelope, algorithm)}
        envelope = _gkdi.GroupKeyEnvelope(**parts)
    return _client._encrypt_blob(bytes.fromhex(wanted["plain"]), envelope, descriptor).hex()


def main():
    given = json.load(sys.stdin)
    _gkdi.kdf_concat = counting
    _gkdi.os = types.SimpleNamespace(urandom=random.Random(7).randbytes)
    cache = dpapi_ng.KeyCache()
    for file in given["root_keys"]:
        load(cache, file)
    opened = [dpapi_ng.ncrypt_unprotect_secret(bytes.fromhex(blob), cache=cache).hex() for blob in given["open"]]
    leading_zeros = [zeros]
    made = [make(cache, wanted) for wanted in given["make"]]
    json.dump({"opened": opened, "made": made, "leading_zeros": [*leading_zeros, zeros]}, sys.stdout)


main()
