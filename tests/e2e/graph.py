"""Calls Graph as an administrator's script does.

Standard input: JSON with the server's `url`, `tenant`, `client_id`, `client_secret`, the file of its `authority`, and
`calls`, each `[method, path, body]`. Standard output: a JSON list with what each was answered. A refusal ends it.
"""

import json
import ssl
import sys
import urllib.parse
import urllib.request

given = json.load(sys.stdin)
context = ssl.create_default_context(cafile=given["authority"])


def send(method, url, headers, body):
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, context=context, timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content else None


form = {
    "client_id": given["client_id"],
    "client_secret": given["client_secret"],
    "grant_type": "client_credentials",
    "scope": given["url"] + "/.default",
}
token = send("POST", f"{given['url']}/{given['tenant']}/oauth2/v2.0/token", {}, urllib.parse.urlencode(form).encode())
headers = {"Authorization": f"Bearer {token['access_token']}", "Content-Type": "application/json"}
answers = []
for method, path, body in given["calls"]:
    content = None if body is None else json.dumps(body).encode()
    answers.append(send(method, given["url"] + path, headers, content))
print(json.dumps(answers))
