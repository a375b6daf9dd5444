"""Presses the button in a real browser: signs in by the one-time link, rotates a device, watches the three lanes to the end, and
reveals the new password.

Standard input: one JSON object with `url`, `authority` (PEM), `link`, `device` (its name) and, to look at, `pictures` (a folder,
or null). Standard output: one JSON object with the `password`, of a throw-away host, and the `seconds` from the click to the end.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

# The interpreter is started apart from its surroundings, this folder among them.
sys.path.insert(0, str(Path(__file__).parent))
from visitor import BROWSER, PASSWORD, totp, trust  # noqa: E402

LANES = ["push", "policy processing", "password update"]
END_MS = 60_000


def sign_in(page, link):
    page.goto(link)
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_label("Code that it shows now").fill(totp(secret, int(time.time()) // 30))
    page.get_by_role("button", name="Finish", exact=True).click()
    page.get_by_role("link", name="I have kept them").click()


def press(page, given):
    """From the fleet to the button, and to the drawing of what it sets off."""
    page.get_by_role("link", name=given["device"], exact=True).first.click()
    device = page.url
    begun = time.monotonic()
    page.get_by_role("button", name="Rotate now", exact=True).click()
    page.locator("table a[href^='/console/rotations/']").first.click()
    page.get_by_text("The account has the new password.").wait_for(timeout=END_MS)
    seconds = time.monotonic() - begun
    for lane in LANES:
        steps = page.locator("section", has=page.get_by_role("heading", name=lane, exact=True)).locator("li")
        assert steps.count() > 0, f"nothing in the lane {lane}"
    assert page.locator("svg circle").count() > 5
    return device, seconds


def policy(page, device):
    """Where each value comes from, as the host told it after a session."""
    begun = time.monotonic()
    page.goto(device)
    while page.get_by_role("heading", name="In effect on the device").count() == 0:
        assert time.monotonic() - begun < END_MS / 1000, "the host has not told its policy"
        page.reload()
    row = page.get_by_role("row", name="BackupDirectory")
    assert "policy.toml" in row.inner_text(), row.inner_text()


def reveal(page, device):
    page.goto(device)
    page.get_by_label("Reason").fill("the button was pressed")
    page.get_by_role("button", name="Reveal password", exact=True).click()
    return page.locator("output.secret").inner_text()


def main():
    given = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        trust(home, given["authority"])
        browser = playwright.chromium.launch(
            executable_path=BROWSER, env={"HOME": home, "PATH": os.defpath}
        )
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        sign_in(page, given["link"])
        device, seconds = press(page, given)
        if given["pictures"]:
            page.screenshot(path=f"{given['pictures']}/button.png", full_page=True)
        policy(page, device)
        password = reveal(page, device)
        browser.close()
    print(json.dumps({"password": password, "seconds": seconds}))


main()
