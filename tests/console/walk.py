"""A real browser walks every page of the console.

Standard input: one JSON object with `url`, `authority` (PEM), `link`, `devices` (ids), `passwords` (of the first device, newest
first) and, to look at, `pictures` (a folder, or null). Standard output: one JSON object with what was seen. Console errors, violations
of the content security policy, findings of axe and sideways scrolling are collected, told, and make it fail.

The authority is trusted as a user would trust it: in the browser's own store, in a home that is thrown away.
"""

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# The interpreter is started apart from its surroundings, this folder among them.
sys.path.insert(0, str(Path(__file__).parent))
import manage  # noqa: E402
from visitor import BROWSER, PASSWORD, totp, trust  # noqa: E402

WIDTHS = [360, 1280]
SCHEMES = ["light", "dark"]
WINDOWS = "/EnrollmentServer/Auth?appru=ms-app%3A%2F%2Fs-1-15-2-1&login_hint=user%40laps.example"
# All of them, so that one run tells everything.
FAULTS = []


class Walk:
    """One way of looking: a width, a colour scheme, with or without scripts."""

    def __init__(self, browser, given, width, scheme, scripts, cookies):
        self.url = given["url"]
        self.pictures = given["pictures"]
        self.name = f"{width}-{scheme}-{'scripts' if scripts else 'plain'}"
        self.width = width
        self.scripts = scripts
        self.context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        self.context.add_cookies(cookies)
        self.page = self.context.new_page()
        self.faults = []
        self.seen = 0
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def on_console(self, message):
        # The browser reports the status of a page that is meant to be an error, and a scheme that only Windows knows.
        meant = ("the server responded with a status of 4", "targets an insecure endpoint 'ms-app://s-1-15-2-1'")
        if message.type in ("error", "warning") and not any(text in message.text for text in meant):
            self.faults.append(message.text)

    def open(self, path):
        answer = self.page.goto(self.url + path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'"), policy
        return answer

    def look(self, name):
        """Whether the page that is open is as it should be."""
        self.seen += 1
        where = f"{name} {self.name}"
        if self.pictures:
            self.page.screenshot(path=f"{self.pictures}/{name}-{self.name}.png", full_page=True)
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        if wide > self.width:
            self.faults.append(f"{wide} wide")
        if self.page.locator("h1").count() != 1:
            self.faults.append("not one heading")
        if self.scripts:
            found = Axe().run(self.page, options={"resultTypes": ["violations"]})
            self.faults += [
                f"{fault['id']}: {node['html']} {node['failureSummary']}"
                for fault in found.response["violations"]
                for node in fault["nodes"]
            ]
        FAULTS.extend(f"{where}: {fault}" for fault in self.faults)
        self.faults.clear()

    def click(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def end(self):
        cookies = self.context.cookies()
        self.context.close()
        return cookies


def set_up(walk, link):
    """The first sign-in, by the one-time link. Returns the authenticator's secret and its last step."""
    page = walk.page
    page.goto(link)
    walk.look("set-up")
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_label("Code that it shows now").fill("000000")
    walk.click("Finish")
    walk.look("set-up-wrong")
    assert page.locator("code.secret").inner_text() == secret
    step = int(time.time()) // 30
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_label("Code that it shows now").fill(totp(secret, step))
    walk.click("Finish")
    walk.look("recovery")
    assert page.locator(".codes li").count() == 10
    page.get_by_role("link", name="I have kept them").click()
    assert page.url == walk.url + "/console/fleet", page.url
    return secret, step


def sign_in(walk, secret, step):
    page = walk.page
    walk.open("/console")
    assert page.url == walk.url + "/console/sign-in", page.url
    walk.look("sign-in")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    walk.click("Continue")
    walk.look("sign-in-wrong")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    walk.click("Continue")
    walk.look("second-factor")
    page.get_by_label("Code from your authenticator").fill(totp(secret, step + 1))
    walk.click("Sign in")
    assert page.url == walk.url + "/console/fleet", page.url


def passkey(walk):
    """Adds a passkey of a virtual authenticator, and signs in with it."""
    page = walk.page
    authenticator = walk.context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    authenticator.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "automaticPresenceSimulation": True}},
    )
    walk.open("/console/account")
    page.get_by_label("Name of a new one").fill("the walk's key")
    walk.click("Add a passkey")
    page.get_by_role("rowheader", name="the walk's key").wait_for()
    walk.look("passkeys")
    walk.click("Sign out")
    page.wait_for_url("**/console/sign-in")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    walk.click("Continue")
    walk.look("second-factor-passkey")
    walk.click("Use a passkey")
    page.wait_for_url("**/console/fleet")


def pages(walk, given):
    """Every page that is got, and the answers that are shown once."""
    page = walk.page
    device = given["devices"][0]
    for name, path in [
        ("fleet", "/console/fleet"),
        ("fleet-filtered", "/console/fleet?q=web&order=expiry"),
        ("fleet-none", "/console/fleet?q=nothing"),
        ("device", f"/console/devices/{device}"),
        ("device-empty", f"/console/devices/{given['devices'][-1]}"),
        ("flow", f"/console/rotations/{given['trace']}"),
        ("audit", "/console/audit"),
        ("enrolment", "/console/enrolment"),
        ("clients", "/console/clients"),
        ("operators", "/console/operators"),
        ("operator", "/console/operators/admin"),
        ("account", "/console/account"),
        ("code", "/console/set-up"),
        ("windows", WINDOWS),
        ("fault", "/console/nothing"),
    ]:
        walk.open(path)
        walk.look(name)
    walk.open("/console/audit")
    walk.click("Verify the whole log")
    walk.look("audit-verified")
    assert page.get_by_text("The chain is intact").count() == 1


def enrol_windows(walk, given):
    """The page that Windows opens for a person to type an enrolment token into."""
    page = walk.page
    walk.open(WINDOWS)
    page.get_by_label("Enrolment token").fill("wrong")
    walk.click("Continue")
    walk.look("windows-wrong")
    assert page.get_by_role("alert").count() == 1
    page.get_by_label("Enrolment token").fill(given["enrolment_token"])
    walk.click("Continue")
    walk.look("windows-result")
    assert page.locator("form").get_attribute("action") == "ms-app://s-1-15-2-1"
    assert page.locator("input[name=wresult]").count() == 1


def reveal(walk, given):
    page = walk.page
    device = f"/console/devices/{given['devices'][0]}"
    walk.open(device)
    page.get_by_label("Reason").fill(f"walk {walk.name}")
    walk.click("Reveal password")
    walk.look("reveal")
    assert page.locator("output.secret").inner_text() == given["passwords"][0]
    if walk.scripts:
        copy(walk, given["passwords"][0])
    page.locator("summary").click()
    walk.look("reveal-spelled")
    assert given["passwords"][0] not in page.url
    # Sends the same form once more.
    page.reload()
    assert page.url == walk.url + device, page.url
    assert given["passwords"][0] not in page.content()
    page.go_back()
    assert given["passwords"][0] not in page.content()


def copy(walk, password):
    walk.click("Copy")
    told = walk.page.locator("[data-told]")
    told.filter(has_text=re.compile("Copied|did not let")).wait_for()


def once(walk):
    """What else is shown once: an operator's link, a token, a client's secret."""
    page = walk.page
    walk.open("/console/operators")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("DeviceManagementManagedDevices.Read.All").check()
    walk.click("Add, and show a one-time link")
    walk.look("operator-link")
    assert "/console/set-up?code=" in page.locator("output.secret").inner_text()
    walk.open("/console/operators/ada")
    walk.look("operator-new")
    walk.open("/console/enrolment")
    page.get_by_label("What it is for").fill("the walk")
    walk.click("Add, and show it")
    walk.look("enrolment-token")
    walk.open("/console/clients")
    page.get_by_label("Name").fill("the walk")
    page.get_by_label("AuditLog.Read.All").check()
    walk.click("Add, and show its secret")
    walk.look("client-secret")
    walk.click("Hide")
    assert page.locator("output.secret").inner_text() == "hidden"


def rotate(walk, given):
    page = walk.page
    walk.open(f"/console/devices/{given['devices'][0]}")
    walk.click("Rotate now")
    walk.look("rotation")
    assert page.locator(".mark", has_text="Waits for the device").count() == 1
    page.locator("table a[href^='/console/rotations/']").first.click()
    walk.look("flow-waiting")
    assert page.locator("ol.way li", has_text="asked for").count() == 1
    walk.open(f"/console/devices/{given['devices'][0]}")
    walk.click("Cancel")
    walk.look("rotation-cancelled")
    assert page.locator(".mark", has_text="Cancelled").count() >= 1


def keyboard(walk):
    """The first stop of the keyboard leads past the head of the page."""
    page = walk.page
    walk.open("/console/fleet")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def codes(secret):
    """Each code of the authenticator once; the next one is there in half a minute."""
    used = []

    def code():
        step = max([int(time.time()) // 30, *(last + 1 for last in used)])
        used.append(step)
        return totp(secret, step)

    return code


def main():
    given = json.load(sys.stdin)
    seen = 0
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        trust(home, given["authority"])
        browser = playwright.chromium.launch(
            executable_path=BROWSER, env={"HOME": home, "PATH": os.defpath}
        )
        first = Walk(browser, given, 1280, "light", True, [])
        secret, step = set_up(first, given["link"])
        passkey(first)
        seen += first.seen
        first.end()
        second = Walk(browser, given, 360, "dark", False, [])
        sign_in(second, secret, step)
        seen += second.seen
        cookies = second.end()
        code = codes(secret)
        for scripts in [True, False]:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    walk = Walk(browser, given, width, scheme, scripts, cookies)
                    pages(walk, given)
                    reveal(walk, given)
                    if (width, scheme, scripts) == (1280, "light", True):
                        once(walk)
                        keyboard(walk)
                        enrol_windows(walk, given)
                    manage.policies(walk)
                    manage.bulk(walk, code)
                    rotate(walk, given)
                    seen += walk.seen
                    walk.end()
        browser.close()
    if FAULTS:
        sys.exit("\n".join(FAULTS))
    print(json.dumps({"pages": seen}))


main()
