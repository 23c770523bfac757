"""The official Python SDK on its way to one call of a tool.

OBOLUS_CLIENT_JOB is JSON:
  {"resource": URL of the MCP endpoint, "era": "legacy" or "modern", "client_id": id or null, "callback": redirect URI,
   "tool": name, "arguments": object, "trust": file with certificates}
It prints where its person should go, waits to be called back, and prints {"result": …} or {"error": …}.
"""

import asyncio
import json
import os
import ssl
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata


class InMemory:
    """What the SDK wants to keep; a client that somebody registered before is there from the start."""

    def __init__(self, client):
        self.client, self.tokens = client, None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Person:
    """Is told where to go, and comes back to the redirect URI."""

    def __init__(self, callback):
        self.address, self.came = urlsplit(callback), None

    async def go(self, address):
        self.came = asyncio.get_running_loop().create_future()
        self.server = await asyncio.start_server(self.answer, self.address.hostname, self.address.port)
        print(f"Please navigate to: {address}", flush=True)

    async def answer(self, reader, writer):
        path = (await reader.readline()).decode().split(" ")[1]
        while (await reader.readline()).strip():
            pass
        found = urlsplit(path).path == self.address.path
        status = "200 OK" if found else "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        if found and not self.came.done():
            self.came.set_result({name: values[0] for name, values in parse_qs(urlsplit(path).query).items()})

    async def back(self):
        query = await self.came
        self.server.close()
        if "error" in query:
            raise RuntimeError(f"the person came back with {query['error']}")
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def call(job):
    person = Person(job["callback"])
    registered = None
    if job["client_id"]:
        registered = OAuthClientInformationFull(
            client_id=job["client_id"], redirect_uris=[job["callback"]], token_endpoint_auth_method="none"
        )
    auth = OAuthClientProvider(
        server_url=job["resource"],
        client_metadata=OAuthClientMetadata(
            client_name="Python SDK", redirect_uris=[job["callback"]], token_endpoint_auth_method="none"
        ),
        storage=InMemory(registered),
        redirect_handler=person.go,
        callback_handler=person.back,
    )
    trust = ssl.create_default_context(cafile=job["trust"])
    mode = "legacy" if job["era"] == "legacy" else "2026-07-28"
    async with httpx2.AsyncClient(auth=auth, verify=trust, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(job["resource"], http_client=http), mode=mode) as client:
            # As clients do; from the list the SDK learns which arguments travel in headers, too (2026-07-28).
            await client.list_tools()
            return await client.call_tool(job["tool"], job["arguments"])


def causes(error):
    """What is under groups of errors."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for inner in error.exceptions for cause in causes(inner)]
    return [f"{type(error).__name__}: {error}"]


try:
    result = asyncio.run(call(json.loads(os.environ["OBOLUS_CLIENT_JOB"])))
    print(json.dumps({"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}))
    sys.exit(1 if result.is_error else 0)
except Exception as error:
    print(json.dumps({"error": {"message": "; ".join(causes(error))}}))
    sys.exit(1)
