"""The Python package dpapi-ng does what Lapwing does beside it.

The first line of standard input is {"key_file", "sid", "plain", "envelope", "blob"}, bytes in hexadecimal: the envelope with which the
plain text is protected, and the blob that is opened. Each further line is how often; the answer is a line of two numbers, the
milliseconds of one protection and of one opening.
"""

import json
import sys
import time
import uuid

import dpapi_ng
from dpapi_ng import _client, _gkdi
from dpapi_ng._blob import SIDDescriptor


def milliseconds(count, work):
    start = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - start) * 1000 / count


def main():
    given = json.loads(sys.stdin.readline())
    file, plain, blob = given["key_file"], bytes.fromhex(given["plain"]), bytes.fromhex(given["blob"])
    cache = dpapi_ng.KeyCache()
    cache.load_key(bytes.fromhex(file["key"]), uuid.UUID(file["id"]))
    descriptor = SIDDescriptor(given["sid"])
    envelope = _gkdi.GroupKeyEnvelope.unpack(bytes.fromhex(given["envelope"]))
    assert dpapi_ng.ncrypt_unprotect_secret(blob, cache=cache) == plain
    for line in sys.stdin:
        protect = milliseconds(int(line), lambda: _client._encrypt_blob(plain, envelope, descriptor))
        unprotect = milliseconds(int(line), lambda: dpapi_ng.ncrypt_unprotect_secret(blob, cache=cache))
        print(protect, unprotect, flush=True)


main()
