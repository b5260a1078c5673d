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


async def main(url, protocol, channels, last_rev):
    data, rev, longest = None, None, 0
    # The library offers compression unless it is told otherwise.
    async with websockets.connect(url, subprotocols=[protocol]) as ws:
        extensions = getattr(ws, "extensions", None) or getattr(getattr(ws, "protocol", None), "extensions", [])
        print("compressed" if extensions else "plain", flush=True)
        await ws.send(json.dumps({"subscribe": channels}))
        async for text in ws:
            messages = json.loads(text)
            if not isinstance(messages, list):
                messages = [messages]
            longest = max(longest, len(messages))
            for message in messages:
                if message.get("channel") != channels[0]:
                    continue
                if message["type"] == "snapshot":
                    data, rev = message["data"], message["rev"]
                    print("snapshot", flush=True)
                elif message["type"] == "patch":
                    assert message["prev_rev"] == rev, f"{message['prev_rev']} after {rev}"
                    data, rev = merged(data, message["patch"]), message["rev"]
            if rev == last_rev:
                print(json.dumps({"data": data, "protocol": ws.subprotocol, "longest": longest}), flush=True)
                return


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3].split(","), int(sys.argv[4])))
