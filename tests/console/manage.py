"""The work on policies, groups and bulk rotations, as a person does it: with mistakes, second thoughts and a look at each page.

Everything that a walk makes is gone when it ends, so that the next one begins in the same place.
"""


def has(locator, text):
    """Waits until it says so: where scripts run that takes a moment."""
    locator.filter(has_text=text).first.wait_for()


def mend(walk, field, wrong, message, right):
    """Types a mistake, sees what is said of it, and mends it. Without scripts the form has to be sent for that."""
    page = walk.page
    box, said = page.locator(f"#{field}"), page.locator(f"#{field}-said")
    box.fill(wrong)
    if not walk.scripts:
        page.locator("form.policy button").first.click()
    has(said, message)
    assert box.input_value() == wrong
    walk.look(f"mistake-{field}")
    box.fill(right)
    if walk.scripts:
        page.locator(f"#{field}-said:not(.fault):not(.remark)").wait_for(state="attached")


def make_policy(walk, name):
    page = walk.page
    walk.open("/console/policies/new")
    walk.look("policy-new")
    page.locator("#name").fill(name)
    page.locator("#BackupDirectory").select_option("1")
    mend(walk, "PasswordLength", "7", "must be 8 to 64", "20")
    assert page.locator("#name").input_value() == name
    mend(walk, "PassphraseLength", "5", "can be set only with PasswordComplexity 6 or 7 or 8", "")
    page.locator("#PasswordAgeDays").fill("3")
    if walk.scripts:
        has(page.locator("#PasswordAgeDays-said"), "raised to 7")
        walk.look("policy-remark")
    walk.click("Make the policy")
    assert page.locator("h1").inner_text() == name
    walk.look("policy")
    return page.url.removeprefix(walk.url)


def make_group(walk, name):
    page = walk.page
    walk.open("/console/groups/new")
    page.locator("#name").fill(name)
    mend(walk, "text", "no tag", "a tag has 1 to 64", "rack")
    page.locator("#by").select_option("name")
    page.locator("#text").fill("web-*")
    if not walk.scripts:
        walk.click("Show its devices")
    has(page.locator("#members-said"), "2 devices are in it now: web-01, web-02")
    walk.look("group-new")
    walk.click("Make the group")
    walk.look("group")
    assert page.locator("h2", has_text="Devices in it now: 2").count() == 1
    return page.url.removeprefix(walk.url)


def assign(walk, policy, group, then):
    """Tries it out, sees which devices change, and confirms."""
    page = walk.page
    walk.open(policy)
    page.get_by_label(group).check()
    page.locator("section[aria-labelledby=assignment] button").click()
    assert page.locator("h2", has_text="Devices that this touches: 2").count() == 1
    row = page.get_by_role("row", name="web-02")
    assert then in row.inner_text(), row.inner_text()
    walk.look("policy-assign")
    walk.click("Assign")
    assert page.url == walk.url + policy, page.url


def edit(walk, policy):
    page = walk.page
    walk.open(policy + "/edit")
    walk.look("policy-edit")
    page.locator("#PasswordLength").fill("24")
    walk.click("Show what changes")
    assert "20" in page.get_by_role("row", name="PasswordLength").inner_text()
    walk.look("policy-edit-confirm")
    walk.click("Back to the form")
    assert page.locator("#PasswordLength").input_value() == "24"
    walk.click("Show what changes")
    walk.click("Save version 2")
    assert page.locator("dl.settings").first.inner_text().find("24") >= 0
    walk.click("Return to version 1")
    walk.look("policy-restore")
    walk.click("Return to version 1")
    assert page.locator("th", has_text="3 newest").count() == 1
    page.locator("summary", has_text="All of version 3").click()
    walk.look("policy-versions")


def conflict(walk, policy, group):
    """A second policy for the same devices: seen before it is made, told after, and taken back."""
    page = walk.page
    other = make_second(walk)
    assign(walk, other, group, "in conflict")
    walk.open("/console/policies")
    walk.look("policies-conflict")
    page.get_by_role("link", name="Show the conflicts").click()
    walk.look("policy-conflicts")
    assert page.get_by_role("row", name="web-01").count() == 1
    delete(walk, other)
    walk.open("/console/policies/conflicts")
    assert page.locator(".empty").count() == 1


def make_second(walk):
    walk.open("/console/policies/new")
    walk.page.locator("#name").fill(f"other {walk.name}")
    walk.page.locator("#PasswordLength").fill("16")
    walk.click("Make the policy")
    return walk.page.url.removeprefix(walk.url)


def delete(walk, policy):
    walk.open(policy)
    walk.page.locator("section[aria-labelledby=delete] button").click()
    walk.look("policy-delete")
    walk.click("Delete")
    assert walk.page.url == walk.url + "/console/policies", walk.page.url


def change_group(walk, group):
    page = walk.page
    walk.open(group + "/edit")
    page.locator("#text").fill("web-01")
    walk.click("Show what changes")
    assert page.locator("h2", has_text="Devices that this touches: 1").count() == 1
    walk.look("group-confirm")
    walk.click("Change the group")
    assert page.locator("h2", has_text="Devices in it now: 1").count() == 1


def policies(walk):
    """From an empty list to a policy on its way to devices, and back."""
    page = walk.page
    walk.open("/console/policies")
    walk.look("policies-empty")
    walk.open("/console/groups")
    walk.look("groups-empty")
    name, group_name = f"walk {walk.name}", f"web {walk.name}"
    policy = make_policy(walk, name)
    group = make_group(walk, group_name)
    assign(walk, policy, group_name, f"{name}, version 1")
    walk.look("policy-assigned")
    page.locator(".counts a", has_text="Pending").click()
    walk.look("policy-devices")
    assert page.get_by_role("link", name="web-01").count() == 1
    walk.open("/console/policies")
    walk.look("policies")
    walk.open("/console/groups")
    walk.look("groups")
    edit(walk, policy)
    conflict(walk, policy, group_name)
    change_group(walk, group)
    delete(walk, policy)
    walk.open(group)
    walk.click("Delete the group")
    assert page.url == walk.url + "/console/groups", page.url


def fresh(walk, code):
    """Gives a code where one is asked for."""
    field = walk.page.locator("main form:has(button:not(.quiet)) input[name=code]")
    if field.count():
        field.first.fill(code())


def bulk(walk, code):
    """Begins a bulk rotation with a mistake mended, pauses it, resumes it, downloads its report, and cancels it."""
    page = walk.page
    walk.open("/console/bulk")
    walk.look("bulk")
    page.locator("#by").select_option("name")
    page.locator("#text").fill("web-*")
    page.locator("#reason").fill(f"walk {walk.name}")
    mend(walk, "stop_at", "0", "1 to 100 per cent", "5")
    page.locator("#canaries").fill("1")
    walk.click("Show whom it is for")
    assert page.locator(".figure").inner_text() == "2 passwords are to change."
    walk.look("bulk-plan")
    walk.click("Back to the form")
    assert page.locator("#reason").input_value() == f"walk {walk.name}"
    walk.click("Show whom it is for")
    fresh(walk, code)
    walk.click("Begin")
    walk.look("bulk-begun")
    if walk.scripts:
        # The page tells by itself that the canary was asked.
        page.locator(".counts a", has_text="Asked").wait_for()
    walk.click("Pause")
    assert page.locator("main .mark", has_text="Paused").count() == 1
    walk.look("bulk-paused")
    fresh(walk, code)
    walk.click("Resume")
    assert page.locator("main .mark", has_text="Running").count() == 1
    for form, start in [("CSV", "device,name,state,requested"), ("JSON", '{"value":[{"deviceId"')]:
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Download as {form}").click()
        text = download.value.path().read_text()
        assert text.startswith(start) and "web-01" in text and "web-02" in text, text
    page.locator("summary", has_text="Cancel for good").click()
    walk.click("Cancel it now")
    assert page.locator("main p .mark", has_text="Cancelled").first.count() == 1
    walk.look("bulk-cancelled")
    page.locator(".counts a", has_text="Cancelled").click()
    walk.look("bulk-filtered")
