"""A Windows device as a management server sees it, written from the published specifications alone.

Gets one line of JSON on standard input (secrets are no arguments) and prints one on standard output. What the device
remembers between two runs is the member "device" of both.
"""

import json
import sys

import enrolment
import session
from laps import Tree
from transport import Web


def enrol(given):
    return {"device": enrolment.enrol(Web(given["authority"]), given)}


def renew(given):
    return {"device": enrolment.renew(given)}


def run_session(given):
    device = given["device"]
    tree = Tree(device["tree"])
    found = session.run(given, tree)
    device["tree"] = tree.to_json()
    return {"device": device, "session": found}


def apply(given):
    tree = Tree({})
    statuses = [code for _, _, code, _ in session.perform_all(tree, session.parse_body(given["document"]))]
    return {"tree": tree.to_json(), "statuses": statuses}


def main():
    given = json.load(sys.stdin)
    verb = {"enrol": enrol, "renew": renew, "session": run_session, "apply": apply}[given["verb"]]
    print(json.dumps(verb(given)))


main()
