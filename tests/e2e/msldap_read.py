"""Reads what a computer has in Active Directory with msldap, by NTLM with sealing.

Standard input: one JSON object with `server` (address), `domain`, `user`, `password`, `base`, `filter` and `attributes`.
Standard output: a JSON list of the objects found, each the attributes that the reader sees, as text.
"""

import asyncio
import json
import sys
from urllib.parse import quote

from msldap.commons.factory import LDAPConnectionFactory


async def read(given):
    who = f"{quote(given['domain'])}\\{quote(given['user'])}:{quote(given['password'], safe='')}"
    client = LDAPConnectionFactory.from_url(f"ldap+ntlm-password://{who}@{given['server']}").get_client()
    _, error = await client.connect()
    if error is not None:
        raise error
    found = []
    async for entry, error in client.pagedsearch(given["filter"], given["attributes"], tree=given["base"]):
        if error is not None:
            raise error
        found.append({name: str(value) for name, value in entry["attributes"].items()})
    return found


print(json.dumps(asyncio.run(read(json.load(sys.stdin)))))
