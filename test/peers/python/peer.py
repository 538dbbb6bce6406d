"""Calls the service of test/peers by grpcio, and prints a line of JSON for each thing that it tried.

Messages are bytes made by hand: field 1, a string.
"""

import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from attempts import attempt, check, failure_of

PROCESS_NAME = "/name.v1.NameService/ProcessName"
PROCESS_NAMES = "/name.v1.NameService/ProcessNames"
SAY_HELLO_TO_EACH = "/greeter.v1.GreeterService/SayHelloToEach"
MIB = 1 << 20


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def message(*texts):
    return b"".join(b"\x0a" + varint(len(text.encode())) + text.encode() for text in texts)


def text_of(data):
    at = 1
    while at < len(data) and data[at] >= 128:
        at += 1
    return data[at + 1 :].decode()


channel = grpc.insecure_channel(sys.argv[1])
unary = channel.unary_unary(PROCESS_NAME)


def fails(code, call):
    return check(failure_of(call).code(), code)


def server_stream():
    names = [str(at) for at in range(1000)]
    answers = channel.unary_stream(SAY_HELLO_TO_EACH)(message(*names), timeout=10)
    return check([text_of(answer) for answer in answers], names)


def bidi_stream():
    names = queue.Queue()
    answers = channel.stream_stream(PROCESS_NAMES)(iter(names.get, None), timeout=10)
    for at in range(100):
        names.put(message(f"name {at}"))
        got = text_of(next(answers))
        if got != f"NAME {at}":
            return got
    names.put(None)
    return check(list(answers), [])


def error():
    failure = failure_of(lambda: unary(message("fail"), timeout=10))
    names = {name for name, _ in failure.trailing_metadata()}
    return check(
        (failure.code(), failure.details(), "grpc-status-details-bin" in names),
        (grpc.StatusCode.NOT_FOUND, "naïve: 100%", True),
    )


def cancellation():
    call = unary.future(message("hang"), metadata=[("x-request-id", "cancelled-by-peer")])
    timer = threading.Timer(0.2, call.cancel)
    timer.start()
    try:
        call.result()
    except grpc.FutureCancelledError:
        return None
    return "it was not cancelled"


def metadata():
    _, call = unary.with_call(message("ada"), metadata=[("x-of-the-caller", "python")], timeout=10)
    header = dict(call.initial_metadata())
    trailer = dict(call.trailing_metadata())
    got = (header.get("x-answer-header"), trailer.get("x-answer-trailer-bin"))
    return check(got, ("python", b"\x00\x01\x02\xff"))


def large(**options):
    return check(text_of(unary(message("x" * MIB), timeout=10, **options)) == "X" * MIB, True)


def many():
    with ThreadPoolExecutor(20) as pool:
        calls = pool.map(lambda _: text_of(unary(message("ada"), timeout=10)), range(500))
        return check(set(calls), {"ADA"})


attempt("unary", lambda: check(text_of(unary(message("ada"), timeout=10)), "ADA"))
attempt("server stream", server_stream)
attempt("bidi stream", bidi_stream)
attempt("error", error)
attempt(
    "unknown method",
    lambda: fails(grpc.StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/no.such.Service/Method")(b"", timeout=10)),
)
attempt("deadline", lambda: fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: unary(message("hang"), timeout=0.2)))
attempt("cancellation", cancellation)
attempt("metadata and trailers", metadata)
attempt("1 MiB both ways", large)
attempt("gzip", lambda: large(compression=grpc.Compression.Gzip))
attempt("500 calls, 20 at a time", many)
