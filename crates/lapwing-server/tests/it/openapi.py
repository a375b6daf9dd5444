"""Tests the server against its own description with schemathesis, with real ids and credentials for each operation.

Gets one line of JSON on standard input (secrets are no arguments) and prints one on standard output: which statuses each
operation answered with, and what was found.
"""

import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import urllib.request

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
SEED = "20261122"
# Of the run over everything, and of that with a device's certificate: what only a program that hangs takes, however busy the machine is.
SECONDS_MAX = (300, 120)

HOOKS = '''
import json
import os
import schemathesis

TOKENS = json.loads(open(os.environ["LAPWING_TOKENS"]).read())


@schemathesis.auth(refresh_interval=None)
class Tokens:
    def get(self, case, context):
        for requirement in case.operation.definition.raw.get("security", []):
            for scheme in requirement:
                return TOKENS.get(scheme)
        return None

    def set(self, case, token, context):
        if token is not None:
            case.headers["Authorization"] = "Bearer " + token


# SyncML is of their family, and is a text here.
@schemathesis.serializer("application/xml", "text/xml")
def as_it_is(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def after_call(context, case, response):
    with open(os.environ["LAPWING_ANSWERS"], "a") as answers:
        answers.write(json.dumps([case.operation.label, response.status_code]) + "\\n")
'''

# What it finds in answers stays there: else it deletes what other operations are to be tried on.
SETTINGS = """
[phases.examples.extra-data-sources]
responses = false
[phases.coverage.extra-data-sources]
responses = false
[phases.fuzzing.extra-data-sources]
responses = false
"""


def document(given):
    context = ssl.create_default_context(cafile=given["authority"])
    with urllib.request.urlopen(given["url"] + "/openapi.json", context=context) as answer:
        return json.load(answer)


def seed(description, examples):
    """Puts what is known to be there into the description, as examples."""
    for path, item in description["paths"].items():
        for method, operation in item.items():
            example = examples.get(method.upper() + " " + path, {})
            for parameter in operation["parameters"]:
                values = {**examples["values"], **(example.get("values") or {})}
                value = values.get(parameter["name"])
                if value is not None:
                    parameter["example"] = value
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if "body" in example:
                    media["example"] = example["body"]


def run(folder, given, url, arguments, seconds):
    answers = folder / "answers"
    answers.write_text("")
    environment = dict(os.environ)
    environment["SCHEMATHESIS_HOOKS"] = "lapwing_hooks"
    environment["PYTHONPATH"] = str(folder)
    environment["LAPWING_TOKENS"] = str(folder / "tokens.json")
    environment["LAPWING_ANSWERS"] = str(answers)
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(folder / "openapi.json"), "--url", url]
    command += ["--tls-verify", given["authority"], "--checks", CHECKS, "--seed", SEED]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--no-shrink"]
    command += ["--suppress-health-check", "all", "--generation-database", "none", "--no-color"]
    command += ["--continue-on-failure", "--warnings", "off"] + arguments
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds)
    seen = {}
    for line in answers.read_text().splitlines():
        label, status = json.loads(line)
        seen.setdefault(label, set()).add(status)
    return done, {label: sorted(statuses) for label, statuses in seen.items()}


def main():
    given = json.load(sys.stdin)
    description = document(given)
    seed(description, given["examples"])
    # Only its owner may enter it.
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "openapi.json").write_text(json.dumps(description))
        (folder / "lapwing_hooks.py").write_text(HOOKS)
        (folder / "schemathesis.toml").write_text(SETTINGS)
        (folder / "tokens.json").write_text(json.dumps(given["tokens"]))
        everybody, answers = run(folder, given, given["url"], [], SECONDS_MAX[0])
        certified = [label for label in answers if is_certified(description, label)]
        identity = ["--request-cert", given["certificate"], "--request-cert-key", given["key"]]
        for label in certified:
            identity += ["--include-name", label]
        devices, of_devices = run(folder, given, given["device_url"], identity, SECONDS_MAX[1])
    print(json.dumps({
        "everybody": answers,
        "devices": of_devices,
        "ok": [everybody.returncode == 0, devices.returncode == 0],
        "output": [everybody.stdout + everybody.stderr, devices.stdout + devices.stderr],
    }))


def is_certified(description, label):
    method, path = label.split(" ", 1)
    return {"certificate": []} in description["paths"][path][method.lower()]["security"]


main()
