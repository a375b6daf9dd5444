"""The front of a directory that misbehaves as it is told.

It ends TLS with an authority of its own, hands each request on to the real server, and spoils the answers.
Arguments: the address to listen on, its port, the real server's port, the file for the authority's certificate (PEM).
Standard output begins with the SHA-256 of that certificate.
Standard input: one order a line, confirmed by a line `ok`: `WHERE HOW`, with WHERE `every` or `store`, and HOW one of
    true           the real server's answer
    STATUS         that HTTP status, with a text as an intermediary gives it
    STATUS WAIT    the same, with `Retry-After: WAIT`
    noise          bytes that are no HTTP
    nonsense       a well-formed answer whose content is none
    slow           an answer whose bytes come one a second
    silent         no answer
    lost           the real server does it, and its answer is lost
    late           the request waits until it is told to land
or `late`, answered with how many wait, or `land`: the one that waits longest is done by the real server before the `ok`.
"""

import datetime
import http.client
import http.server
import ipaddress
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ADDRESS, PORT, REAL_PORT, AUTHORITY = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
STORE = "/lapsdevicepasswordupdate/"
order = ("every", ["true"])
late = []


def certificate(name, key, issuer, issuer_key, authority):
    now = datetime.datetime.utcnow()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def identity():
    """A TLS context with a certificate of a new authority, and the authority's digest."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Front", ADDRESS)]
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate(names[0], root_key, names[0], root_key, True)
    leaf = certificate(names[1], key, names[0], root_key, False)
    with open(AUTHORITY, "wb") as file:
        file.write(root.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = serialization.Encoding.PEM
    with tempfile.NamedTemporaryFile() as file:
        file.write(leaf.public_bytes(pem) + root.public_bytes(pem))
        file.write(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        file.flush()
        context.load_cert_chain(file.name)
    return context, root.fingerprint(hashes.SHA256()).hex()


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_request(self):
        where, how = order
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        applies = where == "every" or (self.command == "POST" and STORE in self.path.lower())
        self.answer(how if applies else ["true"], body)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_request

    def answer(self, how, body):
        if how[0] == "true":
            self.send(*self.real(body))
        elif how[0] == "noise":
            self.wfile.write(bytes(range(256)) * 8)
            self.close_connection = True
        elif how[0] == "nonsense":
            self.send(200, [("Content-Type", "text/html")], b"<html>Please log in to this network.</html>")
        elif how[0] == "slow":
            self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000)
        elif how[0] == "silent":
            # Ends when the other side hangs up.
            self.rfile.read(1)
            self.close_connection = True
        elif how[0] == "lost":
            self.real(body)
            self.close_connection = True
        elif how[0] == "late":
            told, landed = threading.Event(), threading.Event()
            late.append((told, landed))
            told.wait()
            try:
                answer = self.real(body)
            finally:
                landed.set()
            self.send(*answer)
        else:
            wait = [("Retry-After", how[1])] if len(how) > 1 else []
            self.send(int(how[0]), [("Content-Type", "text/plain")] + wait, b"out of order")

    def real(self, body):
        context = ssl.create_default_context()
        # The tests judge the device's caution, not this front's.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        server = http.client.HTTPSConnection(ADDRESS, REAL_PORT, context=context, timeout=20)
        server.request(self.command, self.path, body, dict(self.headers))
        answer = server.getresponse()
        content = answer.read()
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in ("content-length", "connection")]
        return answer.status, kept, content

    def send(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers + [("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data):
        rest = threading.Event()
        self.close_connection = True
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            rest.wait(1)

    def log_message(self, *_):
        pass


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context):
        super().__init__((ADDRESS, PORT), Front)
        self.context = context

    def finish_request(self, request, client_address):
        # In the connection's own thread, so that a slow handshake holds up nobody else.
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request, client_address):
        # A client that hangs up is what half of the tests are about.
        pass


context, digest = identity()
threading.Thread(target=Listener(context).serve_forever, daemon=True).start()
print(digest, flush=True)
for line in sys.stdin:
    if line == "late\n":
        print(len(late), flush=True)
        continue
    if line == "land\n":
        told, landed = late.pop(0)
        told.set()
        landed.wait()
    else:
        where, *how = line.split()
        order = (where, how)
    print("ok", flush=True)
