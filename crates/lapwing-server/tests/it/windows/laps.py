"""The nodes of the LAPS CSP as its page and its DDF have them, and what operations on them do."""

import urllib.parse

ROOT = "./Device/Vendor/MSFT/LAPS"
PUSH = "./Device/Vendor/MSFT/DMClient/Provider/Lapwing/Push/"
E_PENDING = -0x7FFFFFF6

POLICIES = {
    "BackupDirectory": "int",
    "PasswordAgeDays": "int",
    "PasswordComplexity": "int",
    "PasswordLength": "int",
    "PassphraseLength": "int",
    "AdministratorAccountName": "chr",
    "PasswordExpirationProtectionEnabled": "bool",
    "ADPasswordEncryptionEnabled": "bool",
    "ADPasswordEncryptionPrincipal": "chr",
    "ADEncryptedPasswordHistorySize": "int",
    "PostAuthenticationResetDelay": "int",
    "PostAuthenticationActions": "int",
    "AutomaticAccountManagementEnabled": "bool",
    "AutomaticAccountManagementTarget": "int",
    "AutomaticAccountManagementNameOrPrefix": "chr",
    "AutomaticAccountManagementEnableAccount": "bool",
    "AutomaticAccountManagementRandomizeName": "bool",
}
INTERIOR = {
    "": ["Policies", "Actions"],
    "Policies": list(POLICIES),
    "Actions": ["ResetPassword", "ResetPasswordStatus"],
}


def fits(kind, data):
    if kind == "int":
        digits = data.removeprefix("-")
        return digits.isascii() and digits.isdigit()
    return kind != "bool" or data.lower() in ("true", "false")


class Tree:
    """Values of the leaves that are there, how many resets were asked for, and what their status will say next."""

    def __init__(self, kept):
        self.values = dict(kept.get("values", {}))
        self.resets = kept.get("resets", 0)
        self.statuses = list(kept.get("statuses", [0]))
        # Whose notifications it listens to, and the channel that it has once it does. "DMClient CSP", Push.
        self.push = dict(kept.get("push", {}))

    def to_json(self):
        return {"values": self.values, "resets": self.resets, "statuses": self.statuses, "push": self.push}

    def perform(self, verb, uri, kind, data):
        """A status code and, for a Get, the format and the text of its result."""
        if uri.lower().startswith(PUSH.lower()):
            return self.perform_push(verb, uri[len(PUSH) :].lower(), kind, data)
        name = self.name(uri)
        if name is None:
            return 404, None
        if name in INTERIOR:
            names = [child for child in INTERIOR[name] if name != "Policies" or child in self.values]
            listed = "/".join(urllib.parse.quote(child) for child in names)
            return (200, ("node", listed)) if verb == "Get" else (405, None)
        if name == "Actions/ResetPassword":
            return self.reset() if verb == "Exec" else (405, None)
        if name == "Actions/ResetPasswordStatus":
            return (200, ("int", str(self.status()))) if verb == "Get" else (405, None)
        return self.change(verb, name.removeprefix("Policies/"), kind, data)

    @staticmethod
    def name(uri):
        lower = {"": ""} | {name.lower(): name for name in INTERIOR}
        lower |= {f"policies/{name}".lower(): f"Policies/{name}" for name in POLICIES}
        lower |= {f"actions/{name}".lower(): f"Actions/{name}" for name in INTERIOR["Actions"]}
        for root in (ROOT, "./Vendor/MSFT/LAPS"):
            if uri.lower() == root.lower():
                return ""
            if uri.lower().startswith(root.lower() + "/"):
                return lower.get(uri[len(root) + 1 :].lower())
        return None

    def perform_push(self, verb, leaf, kind, data):
        if leaf == "pfn":
            if verb == "Get":
                return (200, ("chr", self.push["family"])) if "family" in self.push else (404, None)
            if verb not in ("Add", "Replace") or (verb == "Add") == ("family" in self.push):
                return (418 if verb == "Add" else 404), None
            if kind not in (None, "chr"):
                return 415, None
            self.push["family"] = data
            return 200, None
        if leaf == "channeluri" and verb == "Get":
            is_there = "family" in self.push and "channel" in self.push
            return (200, ("chr", self.push["channel"])) if is_there else (404, None)
        return 404, None

    def reset(self):
        """The work itself is done elsewhere and takes its time: the status says so first."""
        self.resets += 1
        self.statuses = [E_PENDING, 0]
        return 200, None

    def status(self):
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def change(self, verb, leaf, kind, data):
        if verb == "Get":
            held = self.values.get(leaf)
            return (404, None) if held is None else (200, (POLICIES[leaf], held))
        if verb == "Delete":
            return (200, None) if self.values.pop(leaf, None) is not None else (404, None)
        if verb not in ("Add", "Replace"):
            return 405, None
        if kind not in (None, POLICIES[leaf]) or not fits(POLICIES[leaf], data):
            return 415, None
        if verb == "Add" and leaf in self.values:
            return 418, None
        self.values[leaf] = data
        return 200, None

    def atomic(self, operations):
        """All or nothing: the code of the whole, and one for each."""
        before, codes = dict(self.values), []
        for verb, uri, kind, data in operations:
            if codes and codes[-1] != 200:
                codes.append(215)
            elif verb in ("Get", "Exec"):
                codes.append(500)
            else:
                codes.append(self.perform(verb, uri, kind, data)[0])
        if all(code == 200 for code in codes):
            return 200, codes
        self.values = before
        return 507, [216 if code == 200 else code for code in codes]
