"""Makes values of msLAPS-EncryptedPassword with the Python package dpapi-ng, an implementation by others.

Standard input: {"root_key": {"id", "data" in Base64, "private_key_bits"}, "values": [{"sid", "ticks", "account", "password",
"public": whether with a public key}]}; the root key is one of SHA-512 and Diffie-Hellman.
Standard output: [values in Base64]
"""

import base64
import json
import struct
import sys
import uuid

import dpapi_ng
from dpapi_ng import _client, _gkdi
from dpapi_ng._blob import DPAPINGBlob, SIDDescriptor
from dpapi_ng._crypto import kdf

DOMAIN = "lapwing.test"
PERIOD = 360_000_000_000


def public_key(envelope, algorithm):
    """As the domain controller makes it: the package has no need to."""
    name = (envelope.secret_algorithm + "\0").encode("utf-16-le")
    number = kdf(algorithm, envelope.l2_key, _gkdi.KDS_SERVICE_LABEL, name, envelope.private_key_length // 8)
    group = _gkdi.FFCDHParameters.unpack(envelope.secret_parameters)
    p, g = group.field_order, group.generator
    return _gkdi.FFCDHKey(group.key_length, p, g, pow(g, int.from_bytes(number, "big"), p)).pack()


def make(cache, root_key, wanted):
    descriptor = SIDDescriptor(wanted["sid"])
    period = wanted["ticks"] // PERIOD
    l0, l1, l2 = period // 1024, period // 32 % 32, period % 32
    seed = cache._get_key(descriptor.get_target_sd(), uuid.UUID(root_key["id"]), l0, l1, l2)
    algorithm = _gkdi.KDFParameters.unpack(seed.kdf_parameters).hash_algorithm
    parts = {name: getattr(seed, name) for name in seed.__dataclass_fields__ if name != "magic"}
    names = {"domain_name": DOMAIN, "forest_name": DOMAIN}
    parts |= {"l0": l0, "l1": l1, "l2": l2, "l1_key": b"", "flags": 2} | names
    parts["l2_key"] = _gkdi.compute_l2_key(algorithm, l1, l2, seed)
    envelope = _gkdi.GroupKeyEnvelope(**parts)
    if wanted["public"]:
        parts |= {"flags": 3, "l2_key": public_key(envelope, algorithm)}
        envelope = _gkdi.GroupKeyEnvelope(**parts)
    members = {"n": wanted["account"], "t": f"{wanted['ticks']:x}", "p": wanted["password"]}
    plain = (json.dumps(members, separators=(",", ":")) + "\0").encode("utf-16-le")
    blob = DPAPINGBlob.unpack(_client._encrypt_blob(plain, envelope, descriptor)).pack(blob_in_envelope=False)
    prefix = struct.pack("<IIII", wanted["ticks"] >> 32, wanted["ticks"] & 0xFFFF_FFFF, len(blob), 0)
    return base64.b64encode(prefix + blob).decode()


def main():
    given = json.load(sys.stdin)
    root_key = given["root_key"]
    cache = dpapi_ng.KeyCache()
    cache.load_key(
        base64.b64decode(root_key["data"]),
        uuid.UUID(root_key["id"]),
        secret_algorithm="DH",
        private_key_length=root_key["private_key_bits"],
        public_key_length=2048,
    )
    json.dump([make(cache, root_key, wanted) for wanted in given["values"]], sys.stdout)


main()
