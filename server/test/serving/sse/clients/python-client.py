"""A client with the standard library alone: connects, applies patches, and connects again behind the last event.

Usage: python-client.py URL CHANNEL REVISION CONNECTIONS. Prints the type of the first event of each connection, and the data at the revision.
"""

import json
import sys
import urllib.parse
import urllib.request

base, channel, last_rev, connections = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def merge_patch(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def events(stream):
    """Yields the fields of each event."""
    fields = {}
    for line in stream:
        text = line.decode().rstrip("\n")
        if text == "":
            yield fields
            fields = {}
        elif not text.startswith(":"):
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")


held, position = None, None
for left in range(connections, 0, -1):
    headers = {} if position is None else {"Last-Event-ID": position}
    query = urllib.parse.urlencode({"channels": channel})
    request = urllib.request.Request(f"{base}/api/stream?{query}", headers=headers)
    with urllib.request.urlopen(request) as stream:
        is_first = True
        for fields in events(stream):
            position = fields.get("id", position)
            if "data" not in fields:
                continue
            message = json.loads(fields["data"])
            if message["type"] == "snapshot":
                held = message["data"]
            elif message["type"] == "patch":
                held = merge_patch(held, message["patch"])
            else:
                continue
            if is_first:
                print(message["type"], flush=True)
            is_first = False
            if left > 1 or message["rev"] >= last_rev:
                break
print(json.dumps(held), flush=True)
