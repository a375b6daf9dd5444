"""HTTPS as the enrolment and management clients use it."""

import contextlib
import http.client
import os
import ssl
import tempfile
import urllib.parse


class Web:
    """Trusts one authority, and may show a certificate."""

    def __init__(self, authority, identity=None):
        self.context = ssl.create_default_context(cadata=authority)
        if identity:
            with files(*identity) as (certificate, key):
                self.context.load_cert_chain(certificate, key)

    def send(self, method, url, body=b"", headers=None):
        """Status, headers in lower case, and body."""
        parts = urllib.parse.urlsplit(url)
        assert parts.scheme == "https", url
        connection = http.client.HTTPSConnection(parts.netloc, context=self.context, timeout=60)
        path = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        content = response.read()
        connection.close()
        # [MS-MDE2] 3.1: the enrolment client takes no chunks.
        assert "transfer-encoding" not in found and int(found["content-length"]) == len(content), found
        return response.status, found, content


@contextlib.contextmanager
def files(*texts):
    """Texts as files of this user alone, for a library that takes nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for at, text in enumerate(texts):
            path = os.path.join(folder, str(at))
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(text)
            paths.append(path)
        yield paths
