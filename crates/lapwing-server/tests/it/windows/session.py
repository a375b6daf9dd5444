"""The client's side of a session. [MS-MDM] 3; OMA-TS-DM_Protocol-V1_2 section 8."""

import dataclasses
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from enrolment import find, local
from transport import Web

MEDIA_TYPE = "application/vnd.syncml.dm+xml"
PACKAGES_MAX = 20
OPERATIONS = ("Add", "Replace", "Delete", "Get", "Exec")


@dataclasses.dataclass
class Command:
    name: str
    id: str
    items: list
    members: list


def child_text(element, *names):
    for name in names:
        element = next((child for child in element if local(child) == name), None)
        if element is None:
            return None
    return (element.text or "").strip()


def item(element, outer):
    """Target, format and data; the Meta of the command holds where an item has none of its own."""
    kind = child_text(element, "Meta", "Format") or outer
    return child_text(element, "Target", "LocURI"), kind, child_text(element, "Data") or ""


def commands(parent):
    for element in parent:
        name = local(element)
        if name == "Final":
            continue
        number = next((child.text for child in element if local(child).lower() == "cmdid"), None)
        outer = child_text(element, "Meta", "Format")
        items = [item(child, outer) for child in element if local(child) == "Item"]
        members = list(commands(e for e in element if local(e) in OPERATIONS)) if name == "Atomic" else []
        yield Command(name, number, items, members)


def parse_body(document):
    return list(commands(find(ElementTree.fromstring(document), "SyncBody")))


def perform_all(tree, work):
    """Name, id, status and result of each command, an Atomic before its members."""
    for command in work:
        if command.name == "Atomic":
            members = [(m.name, *i) for m in command.members for i in m.items]
            code, codes = tree.atomic(members)
            yield command.name, command.id, code, None
            for member, inner in zip(command.members, codes, strict=True):
                yield member.name, member.id, inner, None
        elif command.name in OPERATIONS:
            (uri, kind, data) = command.items[0]
            code, result = tree.perform(command.name, uri, kind, data)
            yield command.name, command.id, code, result and (uri, *result)
        else:
            yield command.name, command.id, 200 if command.name == "Alert" else 406, None


class Session:
    def __init__(self, given, tree):
        device = given["device"]
        self.web = Web(given["authority"], (device["certificate"], device["key"]))
        self.device, self.tree = device, tree
        self.repeats = given.get("repeats", False)
        # The longest piece of data in one message, by how much its length is misstated, and whether package 1 is two.
        self.piece, self.wrong = given.get("piece"), given.get("wrong", 0)
        self.spread = given.get("spread", False)
        self.chunks = []
        device["session"] += 1
        self.number, self.message = format(device["session"], "X"), 0
        self.seen = []

    def send_package(self, parts):
        """The messages of a package, each of which but the last must be answered by a demand for the next."""
        for at, (elements, sent) in enumerate(parts, 1):
            work = self.exchange(elements, sent, at == len(parts))
            if work is None:
                return None
            if at < len(parts):
                assert [(c.name, self.server_final) for c in work] == [("Alert", True)], work
                self.seen.append(["1222", None])
        return work

    def exchange(self, elements, sent, is_final=True):
        """Sends one message, whose commands are `sent` (name and id), and checks the statuses of the answer."""
        self.message += 1
        body = (
            '<?xml version="1.0" encoding="utf-8"?><SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD>'
            f"<VerProto>DM/1.2</VerProto><SessionID>{self.number}</SessionID><MsgID>{self.message}</MsgID>"
            f"<Target><LocURI>{escape(self.device['address'])}</LocURI></Target>"
            f"<Source><LocURI>urn:uuid:{self.device['id']}</LocURI></Source>"
            '<Meta><MaxMsgSize xmlns="syncml:metinf">524288</MaxMsgSize></Meta></SyncHdr>'
            f"<SyncBody>{''.join(elements)}{'<Final/>' if is_final else ''}</SyncBody></SyncML>"
        )
        headers = {"Content-Type": MEDIA_TYPE, "User-Agent": "MSFT OMA DM Client/1.2.0.1"}
        url = self.device["address"] + "?mode=Maintenance&Platform=WoA"
        status, found, content = self.web.send("POST", url, body.encode(), headers)
        if status != 200:
            return None
        if self.repeats:
            assert self.web.send("POST", url, body.encode(), headers)[2] == content
        assert found["content-type"].startswith(MEDIA_TYPE), found
        root = ElementTree.fromstring(content)
        header = find(root, "SyncHdr")
        assert child_text(header, "SessionID") == self.number, content
        assert child_text(header, "Target", "LocURI") == f"urn:uuid:{self.device['id']}", content
        self.server_message = child_text(header, "MsgID")
        return self.check(find(root, "SyncBody"), sent)

    def check(self, body, sent):
        """A Status for the header first, then one for each command in their order. The rest is work."""
        statuses = [element for element in body if local(element) == "Status"]
        numbers = [child.text for element in body for child in element if local(child) == "CmdID"]
        assert len(set(numbers)) == len(numbers) and "0" not in numbers, numbers
        wanted = [("SyncHdr", "0")] + sent
        chunks = [status for status in statuses if child_text(status, "Cmd") == "Results"]
        self.chunks += [int(child_text(status, "Data")) for status in chunks]
        statuses = [status for status in statuses if status not in chunks]
        told = [(child_text(status, "Cmd"), child_text(status, "CmdRef")) for status in statuses]
        assert told == wanted, (told, wanted)
        assert all(child_text(status, "MsgRef") == str(self.message) for status in statuses)
        codes = [child_text(status, "Data") for status in statuses]
        assert codes[0] in ("200", "212"), codes
        self.codes = [int(code) for code in codes[1:]]
        self.is_final = self.server_final = find(body, "Final") is not None
        return list(commands(element for element in body if local(element) != "Status"))

    def first(self, alerts):
        """Package 1. [MS-MDM] 3.1.5."""
        elements, sent = [], []

        def add(name, content):
            sent.append((name, str(len(sent) + 1)))
            elements.append(f"<{name}><CmdID>{len(sent)}</CmdID>{content}</{name}>")

        add("Alert", "<Data>1201</Data>")
        for code, kind, data in [("1224", "com.microsoft/MDM/LoginStatus", "user"), *alerts]:
            meta = f'<Meta><Type xmlns="syncml:metinf">{kind}</Type></Meta>'
            add("Alert", f"<Data>{code}</Data><Item>{meta}<Data>{data}</Data></Item>")
        about = {"DevId": self.device["id"], "Man": "Contoso & Sons", "Mod": "PC", "DmV": "1.3", "Lang": "en-US"}
        nodes = (
            f"<Item><Source><LocURI>./DevInfo/{name}</LocURI></Source><Data>{escape(value)}</Data></Item>"
            for name, value in about.items()
        )
        if self.spread:
            # What follows is another message of the same package.
            parts = [(elements, sent)]
            elements, sent = [], []
            add("Replace", "".join(nodes))
            return [*parts, (elements, sent)]
        add("Replace", "".join(nodes))
        return [(elements, sent)]

    def answers(self, work):
        """Statuses in the order of the commands; what was read comes right after its Status."""
        elements, number = [], 1

        parts, answered = [], self.server_message

        def add(name, content):
            nonlocal number
            elements.append(f"<{name}><CmdID>{number}</CmdID><MsgRef>{answered}</MsgRef>{content}</{name}>")
            number += 1

        add("Status", "<CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data>")
        for name, about, code, result in perform_all(self.tree, work):
            self.seen.append([name, code])
            add("Status", f"<CmdRef>{about}</CmdRef><Cmd>{name}</Cmd><Data>{code}</Data>")
            if result:
                uri, kind, data = result
                source = f"<Source><LocURI>{uri}</LocURI></Source>"
                for at, piece in self.pieces(data):
                    size = "" if at or piece == data else f"<Size>{len(data) + self.wrong}</Size>"
                    more = "" if at + len(piece) == len(data) else "<MoreData/>"
                    meta = f'<Meta xmlns="syncml:metinf"><Format>{kind}</Format>{size}</Meta>'
                    content = f"{source}{meta}<Data>{escape(piece)}</Data>{more}"
                    add("Results", f"<CmdRef>{about}</CmdRef><Item>{content}</Item>")
                    if more:
                        # A chunk is the last of its message. OMA-TS-DM_Protocol-V1_2 section 7.
                        parts.append((elements, []))
                        elements = []
        if not self.is_final:
            elements.append(f"<Alert><CmdID>{number}</CmdID><Data>1222</Data></Alert>")
            return [*parts, (elements, [("Alert", str(number))])]
        return [*parts, (elements, [])]

    def pieces(self, data):
        """Where each piece begins that fits into a message, and the piece."""
        if not self.piece or len(data) <= self.piece:
            return [(0, data)]
        return [(at, data[at : at + self.piece]) for at in range(0, len(data), self.piece)]


def run(given, tree):
    """One session to its end: when the server has nothing more to do, nothing more is sent."""
    session = Session(given, tree)
    parts = session.first(given.get("alerts", []))
    statuses = None
    for _ in range(PACKAGES_MAX):
        work = session.send_package(parts)
        if work is None:
            return {"refused": True}
        statuses = statuses or session.codes
        if not work and session.is_final:
            told = {"messages": session.message, "statuses": statuses, "performed": session.seen}
            return {**told, "chunks": session.chunks}
        parts = session.answers(work)
    raise AssertionError("the session has no end")
