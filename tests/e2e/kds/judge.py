"""Asks for group keys as dpapi-ng does, and as nobody should. Reads a list of steps as JSON on standard input, writes what
became of each: {"ok": ...} or {"error": ...}. A step's "as" is {"user", "password"}, {"keytab"} or {"forged"}."""

import dataclasses
import json
import os
import socket
import struct
import sys
import tempfile
import time

import dpapi_ng
import spnego
from dpapi_ng import _client, _gkdi, _rpc
from impacket.krb5 import asn1, crypto, keytab as keytabs
from pyasn1.codec.der import encoder

SERVER = "dc1.lapwing.test"
REALM = "LAPWING.TEST"
PORT = 14135
AES256 = 18
HMAC_SHA1_AES256 = 16


def credentials(who):
    """What the client takes of somebody; tickets are Kerberos' own business."""
    os.environ["KRB5CCNAME"] = "MEMORY:none"
    os.environ.pop("KRB5_CLIENT_KTNAME", None)
    if "user" in who:
        return {"username": f"{who['user']}@{REALM}", "password": who["password"]}
    if "keytab" in who:
        os.environ["KRB5CCNAME"] = "FILE:" + tempfile.mktemp()
        os.environ["KRB5_CLIENT_KTNAME"] = "FILE:" + who["keytab"]
    if "forged" in who:
        os.environ["KRB5CCNAME"] = "FILE:" + forge(**who["forged"])
    return {}


# A ticket as the domain would make it, with one thing wrong.


def service_key(path):
    block = keytabs.Keytab.loadFile(path).getKey(f"DC1$@{REALM}", specificEncType=AES256)
    return crypto.Key(AES256, bytes.fromhex(block.hexlifiedValue().decode()))


def pac(logon_info, name, now, key, is_signed):
    filetime = (now + 11644473600) * 10_000_000
    wide = name.encode("utf-16-le")
    client = struct.pack("<QH", filetime, len(wide)) + wide
    signature = struct.pack("<I", HMAC_SHA1_AES256) + bytes(12)
    buffers = [(1, logon_info), (10, client), (6, signature), (7, signature)]
    at, heads, body, server = 8 + 16 * len(buffers), b"", b"", 0
    for kind, data in buffers:
        heads += struct.pack("<IIQ", kind, len(data), at + len(body))
        server = at + len(body) + 4 if kind == 6 else server
        body += data + bytes(-len(data) % 8)
    whole = bytearray(struct.pack("<II", len(buffers), 0) + heads + body)
    checksum = crypto._checksum_table[HMAC_SHA1_AES256].checksum(key, 17, bytes(whole))
    whole[server : server + 12] = checksum if is_signed else bytes(byte ^ 1 for byte in checksum)
    return bytes(whole)


def forge(keytab, logon_info, wrong=None):
    name, now = "alice", int(time.time())
    key = service_key(keytab)
    if wrong in ("key", "realm"):
        key = crypto.Key(AES256, bytes(range(32)))
    realm = "EVIL.TEST" if wrong == "realm" else REALM
    session = crypto.Key(AES256, os.urandom(32))
    begun = now - 7200 if wrong == "expired" else now - 60
    end = now - 3600 if wrong == "expired" else now + 3600
    stamp = lambda at: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))
    part = asn1.EncTicketPart()
    part["flags"] = [0] * 9 + [0, 1] + [0] * 21
    part["key"]["keytype"], part["key"]["keyvalue"] = AES256, session.contents
    part["crealm"] = realm
    part["cname"]["name-type"] = 1
    part["cname"]["name-string"][0] = name
    part["transited"]["tr-type"], part["transited"]["contents"] = 0, b""
    part["authtime"], part["starttime"], part["endtime"] = stamp(begun), stamp(begun), stamp(end)
    if wrong != "no PAC":
        whole = pac(bytes.fromhex(logon_info), name, begun, key, wrong != "signature")
        inner = asn1.AD_IF_RELEVANT()
        inner[0]["ad-type"], inner[0]["ad-data"] = 128, whole
        part["authorization-data"][0]["ad-type"] = 1
        part["authorization-data"][0]["ad-data"] = encoder.encode(inner)
    ticket = asn1.Ticket()
    ticket["tkt-vno"], ticket["realm"] = 5, realm
    ticket["sname"]["name-type"] = 2
    ticket["sname"]["name-string"][0], ticket["sname"]["name-string"][1] = "host", SERVER
    ticket["enc-part"]["etype"] = AES256
    ticket["enc-part"]["cipher"] = seal(key, part)
    return cache(name, session, encoder.encode(ticket), now)


def seal(key, part):
    return crypto._enctype_table[AES256].encrypt(key, 2, encoder.encode(part), None)


def cache(name, session, ticket, now):
    """A cache of tickets that tells the client all is well. MIT Kerberos, "Credential cache file format"."""
    counted = lambda data: struct.pack(">I", len(data)) + data
    principal = lambda kind, *parts: struct.pack(">II", kind, len(parts)) + b"".join(
        counted(part.encode()) for part in (REALM,) + parts
    )
    entry = principal(1, name) + principal(2, "host", SERVER)
    entry += struct.pack(">H", AES256) + counted(session.contents)
    entry += struct.pack(">IIII", now - 60, now - 60, now + 3600, 0) + b"\0" + struct.pack(">I", 0x00200000)
    entry += struct.pack(">II", 0, 0) + counted(ticket) + counted(b"")
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"\x05\x04\0\0" + principal(1, name) + entry)
    return file.name


# What is asked.


def protect(who, sid):
    return dpapi_ng.ncrypt_protect_secret(b"hello", sid, server=SERVER, auth_protocol="negotiate", **credentials(who)).hex()


def unprotect(who, blob):
    plain = dpapi_ng.ncrypt_unprotect_secret(
        bytes.fromhex(blob), server=SERVER, auth_protocol="negotiate", **credentials(who)
    )
    return plain.decode()


def connect(who, **more):
    more = {"auth_protocol": "negotiate", **credentials(who), **more}
    return _rpc.create_rpc_connection(SERVER, PORT, **more)


def key(who, descriptor, interval=(-1, -1, -1), send=None, opnum=0):
    """The flags of the answer to one call with these bytes; `send` may spoil what is sent."""
    with connect(who) as rpc:
        _client._process_bind_result(
            _client._ISD_KEY_CONTEXTS, rpc.bind(contexts=_client._ISD_KEY_CONTEXTS), 0
        )
        call = _gkdi.GetKey(bytes.fromhex(descriptor), None, *interval)
        if send:
            request, offsets = rpc._create_request(
                0, opnum, call.pack(), verification_trailer=_client._VERIFICATION_TRAILER
            )
            for sealed in send(bytes(rpc._prepare_pdu(request, offsets))):
                rpc._sock.sendall(sealed)
            return rpc._sock.recv(4096).hex()
        answer = rpc.request(0, opnum, call.pack(), verification_trailer=_client._VERIFICATION_TRAILER)
        return _client._process_get_key_result(answer).flags


def repeated(who, descriptor):
    return key(who, descriptor, send=lambda sealed: twice(sealed))


def twice(sealed):
    """The same sealed fragment again: as a call's second part, if it says that more follows."""
    return [sealed[:3] + bytes([sealed[3] & ~2]) + sealed[4:], sealed]


def spoilt(who, descriptor, at):
    return key(who, descriptor, send=lambda sealed: [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]])


def cut(who, descriptor):
    """Half a request, and the connection ends."""
    with connect(who) as rpc:
        rpc.bind(contexts=_client._ISD_KEY_CONTEXTS)
        call = _gkdi.GetKey(bytes.fromhex(descriptor), None, -1, -1, -1)
        request, offsets = rpc._create_request(0, 0, call.pack())
        sealed = bytes(rpc._prepare_pdu(request, offsets))
        rpc._sock.sendall(sealed[: len(sealed) // 2])
        rpc._sock.shutdown(socket.SHUT_WR)
        return rpc._sock.recv(4096).hex()


def fragments(who, descriptor, sealed, sent):
    """Fragments a, b and c of one call, and x, the first of another: sealed in one order, sent in one."""
    with connect(who) as rpc:
        rpc.bind(contexts=_client._ISD_KEY_CONTEXTS)
        stub = _gkdi.GetKey(bytes.fromhex(descriptor), None, -1, -1, -1).pack()
        # All but the last have whole blocks of encryption.
        parts = {"a": (1, 1, stub[:32]), "b": (1, 0, stub[32:64]), "c": (1, 2, stub[64:]), "x": (2, 1, stub[:32])}

        def seal(number, flags, part):
            request, offsets = rpc._create_request(0, 0, part)
            flags = _rpc._pdu.PacketFlags(flags)
            header = dataclasses.replace(request.header, call_id=number, packet_flags=flags)
            return bytes(rpc._prepare_pdu(dataclasses.replace(request, header=header), offsets))

        sealed = {name: seal(*parts[name]) for name in sealed}
        rpc._sock.sendall(b"".join(sealed[name] for name in sent))
        rpc._sock.shutdown(socket.SHUT_WR)
        answer = bytearray()
        while part := rpc._sock.recv(4096):
            answer += part
        if not answer:
            return "nothing"
        header = _rpc._pdu.PDUHeader.unpack(answer[:16])
        answer = rpc._process_response(answer, header, _rpc._request.Response, (24, len(answer)))
        return _client._process_get_key_result(answer).flags


def raw(data):
    """Bytes of a stranger: what comes back until the end."""
    with socket.create_connection((SERVER, PORT), timeout=20) as stream:
        stream.sendall(bytes.fromhex(data))
        stream.shutdown(socket.SHUT_WR)
        answer = b""
        while part := stream.recv(4096):
            answer += part
    return answer.hex()


def ntlm(user, password):
    with _rpc.create_rpc_connection(
        SERVER, PORT, username=user, password=password, auth_protocol="ntlm"
    ) as rpc:
        return str(rpc.bind(contexts=_client._ISD_KEY_CONTEXTS))


def other_service(who, host):
    """A ticket for another host's key, shown to this one."""
    real = spnego.client
    try:
        spnego.client = lambda *positional, **given: real(*positional, **{**given, "hostname": host})
        with connect(who) as rpc:
            return str(rpc.bind(contexts=_client._ISD_KEY_CONTEXTS))
    finally:
        spnego.client = real


def many(who, descriptor, count):
    """The same call again and again, each on a connection of its own and with the same ticket."""
    who = credentials(who)
    call = _gkdi.GetKey(bytes.fromhex(descriptor), None, -1, -1, -1)
    for _ in range(count):
        with _rpc.create_rpc_connection(SERVER, PORT, auth_protocol="negotiate", **who) as rpc:
            rpc.bind(contexts=_client._ISD_KEY_CONTEXTS)
            rpc.request(0, 0, call.pack(), verification_trailer=_client._VERIFICATION_TRAILER)
    return count


def run(step):
    name = step.pop("do")
    who = step.pop("as", None)
    given = [who] if who is not None else []
    return globals()[name](*given, **step)


results = []
for step in json.load(sys.stdin):
    try:
        results.append({"ok": run(step)})
    except Exception as error:
        results.append({"error": f"{type(error).__name__}: {error}"})
json.dump(results, sys.stdout)
