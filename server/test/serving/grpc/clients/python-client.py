"""A client with grpcio and code generated from the .proto file.

Usage: python-client.py ADDRESS PROTO_FOLDER CODE_FOLDER. Makes one call of each kind and prints what it got, a line of JSON each.
"""

import json
import os
import queue
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from grpc_tools import protoc

address, protos, code = sys.argv[1], sys.argv[2], sys.argv[3]
arguments = ["protoc", f"-I{protos}", f"--python_out={code}", f"--grpc_python_out={code}", "swapstats/v1/stats.proto"]
assert protoc.main(arguments) == 0
sys.path.insert(0, code)
os.environ["GRPC_VERBOSITY"] = "NONE"

from swapstats.v1 import stats_pb2 as pb  # noqa: E402
from swapstats.v1 import stats_pb2_grpc  # noqa: E402


def told(**members):
    print(json.dumps(members), flush=True)


channel = grpc.insecure_channel(address)
service = stats_pb2_grpc.StatsServiceStub(channel)

told(health=health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status)

stats = service.GetStats(pb.GetStatsRequest(id="WETH", windows=["5m"], fields=["volume_usd"]), timeout=10).stats
told(id=stats.id, rev=stats.rev, volume_usd=stats.windows["5m"].volume_usd)

try:
    service.GetStats(pb.GetStatsRequest(id="nothing"))
except grpc.RpcError as error:
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(error).details[0].Unpack(info)
    told(code=error.code().name, reason=info.reason)

# Requests are sent one by one, each after the one before was acknowledged.
requests = queue.Queue()
swap = pb.SwapEvent(
    chain_id=1, tx_hash="0xaa", log_index=0, token="WETH", side="buy", amount_token="1", amount_usd="10", event_time=1
)
responses = service.Ingest(iter(requests.get, None))
for sequence in (1, 2):
    requests.put(pb.IngestRequest(sequence=sequence, swaps=[swap]))
    response = next(responses)
    told(sequence=response.sequence, accepted=response.result.accepted)
requests.put(None)
told(ended=next(responses, None) is None)

call = service.Subscribe(pb.SubscribeRequest(channels=[pb.ChannelRequest(channel="token:1:a")]))
for response in call:
    kind = response.WhichOneof("message")
    message = getattr(response, kind)
    if kind == "snapshot":
        position = pb.ResumePosition(epoch=message.epoch, rev=message.rev)
        told(kind=kind, rev=message.rev, trades=message.token.windows[0].trades)
    elif kind == "patch":
        told(kind=kind, prev_rev=message.prev_rev, rev=message.rev)
        call.cancel()
        break

# What it had before the patch.
again = service.Subscribe(pb.SubscribeRequest(channels=[pb.ChannelRequest(channel="token:1:a", **{"from": position})]))
for response in again:
    kind = response.WhichOneof("message")
    if kind in ("snapshot", "patch"):
        message = getattr(response, kind)
        told(kind=kind, prev_rev=message.prev_rev, rev=message.rev)
        break
told(waits=True)
try:
    for response in again:
        if response.WhichOneof("message") == "shutdown":
            told(kind="shutdown")
except grpc.RpcError as error:
    told(code=error.code().name)
