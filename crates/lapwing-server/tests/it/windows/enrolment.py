"""The client's side of [MS-MDE2]: discovery, certificate policy, certificate and provisioning document."""

import base64
import hashlib
import html.parser
import urllib.parse
import uuid
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from transport import Web

MANAGEMENT = "http://schemas.microsoft.com/windows/management/2012/01/enrollment"
PKI = "http://schemas.microsoft.com/windows/pki/2009/01"
CONFIGURATION = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment"
WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
SECURITY = WSS + "-wssecurity-secext-1.0.xsd"
TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"

DISCOVER = (MANAGEMENT + "/IDiscoveryService/Discover", MANAGEMENT + "/IDiscoveryService/DiscoverResponse")
POLICY = (PKI + "/enrollmentpolicy/IPolicy/GetPolicies", PKI + "/enrollmentpolicy/IPolicy/GetPoliciesResponse")
ENROL = (PKI + "/enrollment/RST/wstep", PKI + "/enrollment/RSTRC/wstep")

USER = "user@laps.example"
CLIENT = "ms-app://s-1-15-2-1910091885-1573563583-1104941280"


class Refused(Exception):
    """A SOAP fault: sub-code and, if there is one, the type of the detailed error."""

    def __init__(self, fault):
        kind = find(fault, "ErrorType")
        super().__init__(text(fault, "Subcode", "Value"), None if kind is None else kind.text)


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def find(element, name):
    return next((found for found in element.iter() if local(found) == name), None)


def text(element, *names):
    for name in names:
        element = find(element, name)
        assert element is not None, name
    return (element.text or "").strip()


def call(web, url, actions, security, body):
    """One exchange; the body of the answer."""
    message_id = f"urn:uuid:{uuid.uuid4()}"
    envelope = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"'
        f' xmlns:wsse="{SECURITY}" xmlns:wst="{TRUST}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{actions[0]}</a:Action><a:MessageID>{message_id}</a:MessageID>'
        "<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{escape(url)}</a:To>{security}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
    )
    headers = {"Content-Type": "application/soap+xml; charset=utf-8", "User-Agent": "ENROLLClient"}
    status, found, content = web.send("POST", url, envelope.encode(), headers)
    assert found["content-type"].startswith("application/soap+xml"), (status, found, content)
    answer = ElementTree.fromstring(content)
    assert text(answer, "Header", "RelatesTo") == message_id
    fault = find(find(answer, "Body"), "Fault")
    if fault is not None:
        raise Refused(fault)
    assert status == 200 and text(answer, "Header", "Action") == actions[1], content
    return find(answer, "Body")


def discover(web, url, offers):
    status, _, _ = web.send("GET", url)
    assert status == 200
    policies = "".join(f"<AuthPolicy>{offer}</AuthPolicy>" for offer in offers)
    body = (
        f'<Discover xmlns="{MANAGEMENT}"><request xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"<EmailAddress>{USER}</EmailAddress><RequestVersion>5.0</RequestVersion><DeviceType>CIMClient_Windows</DeviceType>"
        f"<ApplicationVersion>10.0.26100.1</ApplicationVersion><OSEdition>48</OSEdition>"
        f"<AuthPolicies>{policies}</AuthPolicies></request></Discover>"
    )
    result = find(call(web, url, DISCOVER, "", body), "DiscoverResult")
    return {local(member): member.text for member in result}


class Form(html.parser.HTMLParser):
    """The one form of a page that is sent by POST."""

    def __init__(self, page):
        super().__init__()
        self.action, self.members = None, {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            assert self.action is None and attributes["method"] == "post"
            self.action = attributes["action"]
        elif tag == "input":
            self.members[attributes["name"]] = attributes.get("value", "")


def log_on(web, url, token):
    """What the log-on page gives. "Federated authentication device enrollment", Authentication web service."""
    query = urllib.parse.urlencode({"appru": CLIENT, "login_hint": USER})
    status, headers, page = web.send("GET", f"{url}?{query}")
    assert status == 200 and headers["content-security-policy"].startswith("default-src 'none'"), page
    form = Form(page.decode())
    form.members["token"] = token
    target = urllib.parse.urljoin(url, form.action)
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, page = web.send("POST", target, urllib.parse.urlencode(form.members).encode(), sent)
    if status != 200:
        raise Refused(ElementTree.fromstring("<f><Subcode><Value>page</Value></Subcode></f>"))
    assert "form-action ms-app:;" in headers["content-security-policy"], headers
    form = Form(page.decode())
    assert form.action == CLIENT and list(form.members) == ["wresult"], page
    return form.members["wresult"]


def security_of(found, web, token):
    if found["AuthPolicy"] == "OnPremise":
        assert "AuthenticationServiceUrl" not in found
        return (
            f'<wsse:Security s:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>{USER}</wsse:Username>'
            f'<wsse:Password Type="{WSS}-username-token-profile-1.0#PasswordText">{escape(token)}</wsse:Password>'
            "</wsse:UsernameToken></wsse:Security>"
        )
    assert found["AuthPolicy"] == "Federated", found
    result = log_on(web, found["AuthenticationServiceUrl"], token)
    return (
        f'<wsse:Security s:mustUnderstand="1"><wsse:BinarySecurityToken ValueType="{CONFIGURATION}/DeviceEnrollmentUserToken"'
        f' EncodingType="{SECURITY}#base64binary">{base64.b64encode(result.encode()).decode()}</wsse:BinarySecurityToken>'
        "</wsse:Security>"
    )


def get_policy(web, url, security):
    """The least length of a key. [MS-XCEP] 3.1.4.1.3."""
    nil = 'xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    body = (
        f'<GetPolicies xmlns="{PKI}/enrollmentpolicy"><client><lastUpdate {nil}/><preferredLanguage {nil}/></client>'
        f"<requestFilter {nil}/></GetPolicies>"
    )
    answer = call(web, url, POLICY, security, body)
    assert text(answer, "policySchema") == "3"
    assert text(answer, "enroll") == "true"
    assert int(text(answer, "validityPeriodSeconds")) > int(text(answer, "renewalPeriodSeconds")) > 0
    reference = text(answer, "hashAlgorithmOIDReference")
    assert reference in [text(oid, "oIDReferenceID") for oid in answer.iter() if local(oid) == "oID"]
    return int(text(answer, "minimalKeyLength"))


def request_certificate(web, url, security, key, given):
    """The provisioning document. [MS-MDE2] 3.4."""
    der = certificate_request(key)
    if given.get("spoil") == "signature":
        der = der[:-1] + bytes([der[-1] ^ 1])
    return send_request(web, url, security, "Issue", "PKCS10", der, given)


def certificate_request(key):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ConfigMgrEnroll")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.DER)


def send_request(web, url, security, request_type, kind, der, given):
    items = {
        "UXInitiated": "true",
        "HWDevID": "CF1D12AA5AE42E47D52465E9A71316CAF3AFCC1D3088F230F4D50B371FB2256F",
        "Locale": "en-US",
        "TargetedUserLoggedIn": "true",
        "OSEdition": "48",
        "DeviceName": given["name"],
        "MAC": "01-1C-29-7B-3E-1C",
        "DeviceID": "7BA748C8-703E-4DF2-A74A-92984117346A",
        "EnrollmentType": given["type"],
        "DeviceType": "CIMClient_Windows",
        "OSVersion": "10.0.26100.1",
        "ApplicationVersion": "10.0.26100.1",
        "NotInOobe": "true",
        "RequestVersion": "5.0",
    }
    context = "".join(
        f'<ac:ContextItem Name="{name}"><ac:Value>{escape(value)}</ac:Value></ac:ContextItem>'
        for name, value in items.items()
    )
    body = (
        f"<wst:RequestSecurityToken><wst:TokenType>{CONFIGURATION}/DeviceEnrollmentToken</wst:TokenType>"
        f"<wst:RequestType>{TRUST}/{request_type}</wst:RequestType>"
        f'<wsse:BinarySecurityToken ValueType="{PKI}/enrollment#{kind}" EncodingType="{SECURITY}#base64binary">'
        f"{base64.b64encode(der).decode()}</wsse:BinarySecurityToken>"
        f'<ac:AdditionalContext xmlns:ac="http://schemas.xmlsoap.org/ws/2006/12/authorization">{context}'
        "</ac:AdditionalContext></wst:RequestSecurityToken>"
    )
    answer = call(web, url, ENROL, security, body)
    token = find(find(answer, "RequestedSecurityToken"), "BinarySecurityToken")
    assert token.get("ValueType") == CONFIGURATION + "/DeviceEnrollmentProvisionDoc"
    assert text(answer, "RequestID") == "0"
    return ElementTree.fromstring(base64.b64decode(token.text))


def characteristics(element, path=()):
    """Every characteristic with its path, in the order of the document."""
    for child in element.findall("characteristic"):
        here = path + (child.get("type"),)
        yield here, child
        yield from characteristics(child, here)


def parms(element):
    return {parm.get("name"): parm.get("value") for parm in element.findall("parm")}


def own_certificate(found):
    """The third certificate is the device's own, and the first has signed it."""
    stores = []
    certificates = []
    for path, element in found:
        if "EncodedCertificate" in parms(element):
            der = base64.b64decode(parms(element)["EncodedCertificate"])
            assert path[-1] == hashlib.sha1(der).hexdigest().upper(), path
            stores.append(list(path[1:-1]))
            certificates.append(x509.load_der_x509_certificate(der))
    root, issuer, own = certificates
    own.verify_directly_issued_by(issuer)
    assert root.subject == issuer.issuer
    return own, stores


def take_home(document, key):
    """What the device keeps of a provisioning document. [MS-MDE2] 2.2.9."""
    assert document.tag == "wap-provisioningdoc" and document.get("version") == "1.1"
    found = list(characteristics(document))
    own, stores = own_certificate(found)
    assert own.public_key().public_numbers() == key.public_key().public_numbers()
    application = parms(next(element for path, element in found if path == ("APPLICATION",)))
    assert application["APPID"] == "w7" and application["DEFAULTENCODING"] == "application/vnd.syncml.dm+xml"
    criteria = dict(part.split("=", 1) for part in application["SSLCLIENTCERTSEARCHCRITERIA"].split("&"))
    subject = own.subject.rfc4514_string()
    assert urllib.parse.unquote(criteria["Subject"]).lower() == subject.lower(), criteria
    provider = application["PROVIDER-ID"]
    levels = [parms(element)["AAUTHLEVEL"] for path, element in found if path == ("APPLICATION", "APPAUTH")]
    poll = next(element for path, element in found if path == ("DMClient", "Provider", provider, "Poll"))
    client = next(element for path, element in found if path == ("DMClient", "Provider", provider))
    renew_parms = parms(next(element for path, element in found if path[-2:] == ("WSTEP", "Renew")))
    return {
        "address": application["ADDR"],
        "provider": provider,
        "id": subject.removeprefix("CN="),
        "stores": stores,
        "criteria_stores": urllib.parse.unquote(criteria["Stores"]),
        "levels": levels,
        "poll": parms(poll),
        "upn": parms(client).get("UPN"),
        "name_there": parms(client)["EntDMID"],
        "renew": renew_parms,
        "certificate": own.public_bytes(serialization.Encoding.PEM).decode(),
        "session": 0,
        "tree": {},
    }


def to_pem(key):
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def new_key(given, bits):
    if given.get("key"):
        return serialization.load_pem_private_key(given["key"].encode(), None)
    return rsa.generate_private_key(public_exponent=65537, key_size=given.get("bits", bits))


def renew(given):
    """The device with its next certificate, or the refusal. [MS-MDE2] 3.5: TLS says who asks, and no header does."""
    device = given["device"]
    shown = (device["certificate"], device["key"]) if given.get("shows", True) else None
    web = Web(given["authority"], shown)
    old = x509.load_pem_x509_certificate(device["certificate"].encode())
    old_key = serialization.load_pem_private_key(device["key"].encode(), None)
    key = old_key if given.get("same") else new_key(given, 2048)
    request = certificate_request(key)
    if not given.get("bare"):
        builder = pkcs7.PKCS7SignatureBuilder().set_data(request).add_signer(old, old_key, hashes.SHA256())
        request = builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    try:
        document = send_request(web, device["enrolment"], "", "Renew", "PKCS7", request, given)
    except Refused as refused:
        return {"refused": list(refused.args)}
    return {**device, **{name: take_home(document, key)[name] for name in ("id", "certificate")}, "key": to_pem(key)}


def enrol(web, given):
    """The device as it is from now on, or the refusal."""
    try:
        found = discover(web, given["discovery"], given["offers"])
        security = security_of(found, web, given["token"])
        bits = get_policy(web, found["EnrollmentPolicyServiceUrl"], security)
        key = new_key(given, bits)
        document = request_certificate(web, found["EnrollmentServiceUrl"], security, key, given)
    except Refused as refused:
        return {"refused": list(refused.args)}
    home = take_home(document, key)
    return {
        **home,
        "auth_policy": found["AuthPolicy"],
        "key": to_pem(key),
        "enrolment": found["EnrollmentServiceUrl"],
    }
