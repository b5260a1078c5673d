"""A client with grpcio that asks for the past, with code generated from the .proto file.

Usage: past-client.py ADDRESS PROTO_FOLDER CODE_FOLDER TOKEN AT. Prints a line of JSON for each call.
"""

import json
import os
import sys

import grpc
from grpc_tools import protoc

address, protos, code, token, at = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
arguments = ["protoc", f"-I{protos}", f"--python_out={code}", f"--grpc_python_out={code}", "swapstats/v1/stats.proto"]
assert protoc.main(arguments) == 0
sys.path.insert(0, code)
os.environ["GRPC_VERBOSITY"] = "NONE"

from swapstats.v1 import stats_pb2 as pb  # noqa: E402
from swapstats.v1 import stats_pb2_grpc  # noqa: E402

service = stats_pb2_grpc.StatsServiceStub(grpc.insecure_channel(address))


def told(**members):
    print(json.dumps(members), flush=True)


def figures(stats):
    return {"trades": stats.trades, "volume_usd": stats.volume_usd, "traders": stats.traders}


def pages(call, request):
    items = []
    while True:
        page = call(request, timeout=30)
        items.append(page.items)
        if not page.HasField("next_cursor"):
            return items
        request.cursor = page.next_cursor


one = service.GetStats(pb.GetStatsRequest(id=token, windows=["90s", "2h"], at=at), timeout=30).stats
told(as_of=one.as_of, complete=one.history_complete, windows={name: figures(one.windows[name]) for name in ["90s", "2h"]})

many = service.BatchGetStats(pb.BatchGetStatsRequest(ids=[token, "1:0xnone"], windows=["2h"], at=at), timeout=30)
told(
    as_of=many.as_of,
    complete=many.history_complete,
    stats=figures(many.items[0].stats.windows["2h"]),
    error=many.items[1].error.error.code,
)

ranking = service.GetOverview(pb.GetOverviewRequest(window="1h", sort="trades", at=at), timeout=30)
told(complete=ranking.history_complete, rows=[[row.id, figures(row.stats)] for row in ranking.items])

screen = service.Screen(pb.ScreenRequest(windows=["1h"], limit=1, at=at), timeout=30)
told(complete=screen.history_complete, first=screen.items[0].id, more=screen.HasField("next_cursor"))

candles = pages(service.GetCandles, pb.GetCandlesRequest(id=token, interval="1m", limit=25))
told(pages=len(candles), opens=[candle.open_time for page in reversed(candles) for candle in page])

swaps = pages(service.ListSwaps, pb.ListSwapsRequest(id=token, order="asc", limit=50, to=at, **{"from": at - 7_200_000}))
told(pages=len(swaps), times=[swap.event_time for page in swaps for swap in page])

try:
    service.GetStats(pb.GetStatsRequest(id=token, windows=["32d"], at=at), timeout=30)
except grpc.RpcError as error:
    told(code=error.code().name)

# Requests of clients that do not know these fields.
told(live=service.GetStats(pb.GetStatsRequest(id=token, windows=["1h"]), timeout=30).stats.HasField("history_complete"))
