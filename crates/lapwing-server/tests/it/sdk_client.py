"""How Microsoft's own clients of Graph are led to a server of our own."""

import urllib.parse

from azure.identity.aio import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)


def credential_of(given):
    return ClientSecretCredential(
        given["tenant"],
        given["client_id"],
        given["client_secret"],
        authority=given["url"],
        disable_instance_discovery=True,
    )


def adapter(kind, given, credential, version):
    """`kind` is the GraphRequestAdapter of one of the clients."""
    host = urllib.parse.urlparse(given["url"]).hostname
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=[given["url"] + "/.default"], allowed_hosts=[host]
    )
    made = kind(provider)
    made.base_url = f"{given['url']}/{version}"
    return made
