"""Subscribes to a channel, applies merge patches, and prints what it holds once a revision is reached.

Uses the library `websockets` as its users do: nothing here knows of pings or credit.
"""
import asyncio
import json
import sys

import websockets


def merged(target, patch):
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


async def main(url, channel, last_rev):
    data, rev = None, None
    async with websockets.connect(url) as ws:
        await ws.send(json.dumps({"subscribe": channel}))
        async for text in ws:
            message = json.loads(text)
            if message["type"] == "snapshot":
                data, rev = message["data"], message["rev"]
                print("snapshot", flush=True)
            elif message["type"] == "patch":
                assert message["prev_rev"] == rev, f"{message['prev_rev']} after {rev}"
                data, rev = merged(data, message["patch"]), message["rev"]
            if rev == last_rev:
                print(json.dumps(data), flush=True)
                return


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
