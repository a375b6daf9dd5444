"""Lists managed devices, presses the button and reads how the action stands, with Microsoft's own client of Graph beta.

Gets one line of JSON on standard input (secrets are no arguments) and prints one on standard output.
"""

import asyncio
import json
import sys
from pathlib import Path

from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph_beta import GraphRequestAdapter, GraphServiceClient
from msgraph_beta.generated.device_management.managed_devices.managed_devices_request_builder import (
    ManagedDevicesRequestBuilder as ListBuilder,
)
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_core.tasks.page_iterator import PageIterator

# The interpreter is started apart from its surroundings, this folder among them.
sys.path.insert(0, str(Path(__file__).parent))
from sdk_client import adapter, credential_of  # noqa: E402


async def names(graph, **options):
    query = ListBuilder.ManagedDevicesRequestBuilderGetQueryParameters(top=2, **options)
    devices = graph.device_management.managed_devices
    page = await devices.get(request_configuration=RequestConfiguration(query_parameters=query))
    seen = []

    def take(item):
        seen.append(item.device_name)
        return True

    await PageIterator(page, graph.request_adapter).iterate(take)
    return sorted(seen)


async def main():
    given = json.load(sys.stdin)
    credential = credential_of(given)
    graph = GraphServiceClient(request_adapter=adapter(GraphRequestAdapter, given, credential, "beta"))
    devices = graph.device_management.managed_devices
    device = devices.by_managed_device_id(given["device"])
    if given["press"]:
        await device.rotate_local_admin_password.post()
    found = await device.get()
    try:
        await devices.by_managed_device_id(given["tenant"]).rotate_local_admin_password.post()
        refusal = None
    except ODataError as error:
        refusal = [error.response_status_code, error.error.code]
    all_names = await names(graph)
    filtered = await names(
        graph, filter="startswith(deviceName,'pc-') and operatingSystem eq 'Linux'", orderby=["deviceName"]
    )
    await credential.close()
    print(json.dumps({
        "all": all_names,
        "filtered": filtered,
        "actions": [[action.action_name, action.action_state.value] for action in found.device_action_results],
        "refusal": refusal,
    }))


asyncio.run(main())
