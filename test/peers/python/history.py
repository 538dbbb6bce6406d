"""Has the `name` process process names, and reads its history by what protoc makes of name/v1/history.proto."""

import sys
import time
import uuid

import grpc
from attempts import attempt, check, failure_of
from name.v1 import history_pb2, history_pb2_grpc, name_pb2, name_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1])
names = name_pb2_grpc.NameServiceStub(channel)
history = history_pb2_grpc.HistoryServiceStub(channel)

NAMES = [f"python {at}" for at in range(5)]
PAGE_SIZE = 2


def pages(**request):
    return list(history.ListEntries(history_pb2.ListEntriesRequest(page_size=PAGE_SIZE, **request), timeout=10))


def milliseconds(moment):
    return moment.seconds * 1000 + moment.nanos / 1_000_000


def now():
    return time.time_ns() // 1_000_000


def record():
    for name in NAMES:
        names.ProcessName(name_pb2.ProcessNameRequest(name=name), metadata=[("x-request-id", name.replace(" ", "-"))])


def await_pages():
    """Entries are stored in batches, behind their calls."""
    deadline = time.monotonic() + 10
    while True:
        read = pages()
        if sum(len(page.entries) for page in read) >= len(NAMES):
            return read
        if time.monotonic() > deadline:
            raise AssertionError(f"only {read} within 10 s")


began = now()
record()
ended = now()
read = await_pages()
entries = [entry for page in read for entry in page.entries]


def in_pages():
    sizes = [len(page.entries) for page in read]
    cursors = [page.cursor if page.HasField("cursor") else None for page in read]
    last_ids = [page.entries[-1].id for page in read[:-1]]
    return check((sizes, cursors), ([2, 2, 1], [*last_ids, None]))


def as_processed():
    got = [(entry.name, entry.processed_name, entry.request_id) for entry in reversed(entries)]
    return check(got, [(name, name.upper(), name.replace(" ", "-")) for name in NAMES])


def ids():
    found = [entry.id for entry in entries]
    seconds = [int.from_bytes(each[:4], "big") for each in found]
    is_sound = all(len(each) == 12 for each in found) and len(set(found)) == len(NAMES)
    are_now = all(began // 1000 <= second <= ended // 1000 for second in seconds)
    return check((is_sound, are_now, found), (True, True, sorted(found, reverse=True)))


def times():
    found = [milliseconds(entry.processed_at) for entry in reversed(entries)]
    are_whole = all(each == int(each) for each in found)
    return check((are_whole, found == sorted(found), began <= found[0], found[-1] <= ended), (True, True, True, True))


def durations():
    return check([entry.took_ns > 0 for entry in entries], [True] * len(NAMES))


def instances():
    [instance] = {entry.instance for entry in entries}
    return check(uuid.UUID(bytes=instance).version, 4)


def one_by_one():
    got = [history.GetEntry(history_pb2.GetEntryRequest(id=each.id), timeout=10).entry for each in entries]
    return check(got, entries)


def by_cursor():
    return check(pages(cursor=read[0].cursor), read[1:])


def fails(request, code, details):
    failure = failure_of(lambda: history.GetEntry(request, timeout=10))
    return check((failure.code(), failure.details()), (code, details))


attempt("in pages", in_pages)
attempt("as processed", as_processed)
attempt("ids", ids)
attempt("times", times)
attempt("durations", durations)
attempt("instances", instances)
attempt("one by one", one_by_one)
attempt("by a cursor", by_cursor)
attempt(
    "no such entry",
    lambda: fails(
        history_pb2.GetEntryRequest(id=bytes(12)), grpc.StatusCode.NOT_FOUND, f"there is no entry {bytes(12).hex()}"
    ),
)
attempt(
    "an id of 11 bytes",
    lambda: fails(
        history_pb2.GetEntryRequest(id=bytes(11)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "id must be 12 bytes, an ObjectId; it has 11",
    ),
)
