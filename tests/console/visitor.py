"""What every script needs that visits the console with a real browser."""

import base64
import hashlib
import hmac
import struct
import subprocess
from pathlib import Path

BROWSER = "/usr/bin/chromium"
PASSWORD = "correct horse battery"


def totp(secret, step):
    """RFC 6238 with SHA-1 and six digits."""
    tag = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = tag[-1] & 0xF
    number = struct.unpack(">I", tag[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def trust(home, authority):
    store = Path(home, ".pki/nssdb")
    store.mkdir(parents=True)
    certutil = ["/usr/bin/certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    subprocess.run([*certutil, "-A", "-n", "lapwing", "-t", "C,,", "-i", authority], check=True)
