"""Reads a list with paging, a password, the audit log and a refusal with Microsoft's own client of Graph.

Gets one line of JSON on standard input (secrets are no arguments) and prints one on standard output.
"""

import asyncio
import json
import sys
from pathlib import Path

from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.directory.device_local_credentials.device_local_credentials_request_builder import (
    DeviceLocalCredentialsRequestBuilder as ListBuilder,
)
from msgraph.generated.directory.device_local_credentials.item.device_local_credential_info_item_request_builder import (
    DeviceLocalCredentialInfoItemRequestBuilder as ItemBuilder,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_core.tasks.page_iterator import PageIterator

# The interpreter is started apart from its surroundings, this folder among them.
sys.path.insert(0, str(Path(__file__).parent))
from sdk_client import adapter, credential_of  # noqa: E402


async def main():
    given = json.load(sys.stdin)
    credential = credential_of(given)
    graph = GraphServiceClient(request_adapter=adapter(GraphRequestAdapter, given, credential, "v1.0"))
    credentials = graph.directory.device_local_credentials
    seen = []
    query = ListBuilder.DeviceLocalCredentialsRequestBuilderGetQueryParameters(top=2, orderby=["deviceName"])
    page = await credentials.get(request_configuration=RequestConfiguration(query_parameters=query))
    iterator = PageIterator(page, graph.request_adapter)

    def take(item):
        seen.append((item.device_name, item.last_backup_date_time.tzinfo is not None))
        return True

    await iterator.iterate(take)
    select = ItemBuilder.DeviceLocalCredentialInfoItemRequestBuilderGetQueryParameters(select=["credentials"])
    one = await credentials.by_device_local_credential_info_id(given["device"]).get(
        request_configuration=RequestConfiguration(query_parameters=select)
    )
    newest = max(one.credentials, key=lambda entry: entry.backup_date_time)
    try:
        await credentials.by_device_local_credential_info_id(given["tenant"]).get()
        refusal = None
    except ODataError as error:
        refusal = [error.response_status_code, error.error.code]
    audits = await graph.audit_logs.directory_audits.get()
    initiators = [(entry.activity_display_name, entry.initiated_by) for entry in audits.value]
    await credential.close()
    print(json.dumps({
        "names": [name for name, _ in seen],
        "times_have_zones": all(zone for _, zone in seen),
        "account": newest.account_name,
        "password": newest.password_base64,
        "device_name": one.device_name,
        "refusal": refusal,
        "apps": [[activity, by.app.display_name, by.app.app_id] for activity, by in initiators if by.app],
        "users": [
            [activity, by.user.id, by.user.display_name, by.user.user_principal_name]
            for activity, by in initiators
            if by.user
        ],
    }))


asyncio.run(main())
