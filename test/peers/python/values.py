"""Calls test.types.v1.ValuesService, whose handlers work in domain types, by what protoc makes of its schema."""

import json
import queue
import sys
from datetime import datetime, timedelta

import grpc
from attempts import attempt, check, failure_of
from google.rpc import error_details_pb2, status_pb2
from samples import COUNT, EVERY, FIELDS, FIRST_SECOND, LAST_SECOND, OBJECT_IDS, least
from test.types.v1 import services_pb2, services_pb2_grpc
from test.types.v1.values_pb2 import Values

channel = grpc.insecure_channel(sys.argv[1])
service = services_pb2_grpc.ValuesServiceStub(channel)
echo_bytes = channel.unary_unary("/test.types.v1.ValuesService/Echo")


def same_bytes(message):
    return message.SerializeToString(deterministic=True)


def difference(got, wanted):
    """The first field that is another, by its name; else whether the bytes are the same."""
    for field in FIELDS:
        if (problem := check(getattr(got, field.name), getattr(wanted, field.name))) is not None:
            return f"{field.name}: {problem}"
    return check(same_bytes(got), same_bytes(wanted))


def first_difference(pairs):
    problems = (difference(got, wanted) for got, wanted in pairs)
    return next((problem for problem in problems if problem is not None), None)


def differences(got, wanted):
    return check(len(got), len(wanted)) or first_difference(zip(got, wanted))


def every_field():
    names = {field.name for message, _ in EVERY for field, _ in message.ListFields()}
    if names != {field.name for field in FIELDS}:
        return f"only {names} are set"
    for sent, wanted in EVERY:
        data = echo_bytes(sent.SerializeToString(), timeout=10)
        # Maps have no order, so that the bytes are compared in the order that Python gives them.
        problem = difference(Values.FromString(data), wanted) or check(len(data), len(same_bytes(wanted)))
        if problem is not None:
            return problem
    return None


def least_fields():
    data = echo_bytes(same_bytes(least()), timeout=10)
    return check(data, same_bytes(least()))


def text_of(moment):
    date = datetime(1970, 1, 1) + timedelta(seconds=moment.seconds, microseconds=moment.nanos // 1000)
    return f"{date.isoformat(timespec='milliseconds')}Z"


def seen_by_handler():
    for sent, wanted in EVERY[:20]:
        _, call = service.Echo.with_call(sent, timeout=10)
        seen = json.loads(dict(call.trailing_metadata())["x-seen"])
        expected = {
            "objectId": wanted.object_id.hex(),
            "objectIdText": wanted.object_id_text,
            "date": text_of(wanted.date),
            "wholeDate": text_of(wanted.whole_date),
            "decimal": wanted.decimal,
            "uuid": wanted.uuid.hex(),
            "uuidText": wanted.uuid_text,
            "long": str(wanted.long),
            "binary": wanted.binary.hex(),
        }
        if (problem := check(seen, expected)) is not None:
            return problem
    return None


def made_by_handler():
    object_id = bytes.fromhex("65a1b2c3d4e5f60718293a4b")
    uuid = bytes.fromhex("0e55a2154fea4b728c01387b0c8f1a9e")
    wanted = Values(
        object_id=object_id,
        object_id_text=object_id.hex(),
        decimal="-1.50",
        uuid=uuid,
        uuid_text="0e55a215-4fea-4b72-8c01-387b0c8f1a9e",
        long=-(2**63),
        zigzag_long=2**63 - 1,
        fixed_long=-1,
        binary=b"\x00\xff",
        maybe_long=0,
        object_ids=[object_id, bytes(12)],
        decimals=["1E+3", "NaN", "-0", "-Infinity"],
        uuid_text_by_key={2**64 - 1: "00000000-0000-0000-0000-000000000000"},
        chosen_object_id=object_id,
    )
    wanted.date.FromSeconds(FIRST_SECOND)
    wanted.whole_date.seconds = LAST_SECOND
    wanted.whole_date.nanos = 999_000_000
    wanted.date_by_key[-1].nanos = 1_000_000
    made = list(service.EchoEach(services_pb2.EchoEachRequest(), timeout=10))
    return differences(made, [wanted])


def server_stream():
    request = services_pb2.EchoEachRequest(values=[sent for sent, _ in EVERY])
    return differences(list(service.EchoEach(request, timeout=10)), [wanted for _, wanted in EVERY])


def client_stream():
    answer = service.EchoAll((sent for sent, _ in EVERY), timeout=10)
    return differences(answer.values, [wanted for _, wanted in EVERY])


def bidi_stream():
    requests = queue.Queue()
    answers = service.EchoBoth(iter(requests.get, None), timeout=10)
    for sent, wanted in EVERY:
        requests.put(sent)
        if (problem := difference(next(answers), wanted)) is not None:
            return problem
    requests.put(None)
    return check(list(answers), [])


def without_domain_types():
    return check(service.Plain(services_pb2.PlainRequest(text="naïve"), timeout=10).text, "naïve")


def violations_of(failure):
    """What an error says of fields, and nothing where it is no INVALID_ARGUMENT."""
    if failure.code() != grpc.StatusCode.INVALID_ARGUMENT:
        return []
    status = status_pb2.Status.FromString(dict(failure.trailing_metadata())["grpc-status-details-bin"])
    details = error_details_pb2.BadRequest()
    unpacked = [details.field_violations for detail in status.details if detail.Unpack(details)]
    return [(each.field, each.description) for violations in unpacked for each in violations]


SHORT = OBJECT_IDS[1][:11]
MISFITS = [
    ("object_id", dict(object_id=SHORT)),
    ("object_id", dict(object_id=b"")),
    ("object_id_text", dict(object_id_text="65a1")),
    ("maybe_object_id", dict(maybe_object_id=b"")),
    ("object_ids[1]", dict(object_ids=[OBJECT_IDS[1], SHORT])),
    ('object_id_by_key["a"]', dict(object_id_by_key={"a": SHORT})),
    ("chosen_object_id", dict(chosen_object_id=SHORT)),
    ("chosen_values.object_id", dict(chosen_values=Values(object_id=SHORT))),
    ("date", dict(date=dict(nanos=1))),
    ("whole_date", dict(whole_date=dict(seconds=LAST_SECOND + 1))),
    ("decimal", dict(decimal="1.2345678901234567890123456789012345")),
    ("maybe_decimal", dict(maybe_decimal="1e9999")),
    ("uuids[0]", dict(uuids=[bytes(15)])),
    ("maybe_uuid_text", dict(maybe_uuid_text="no UUID")),
]


def spoilt(fields):
    message = least()
    for name in fields:
        message.ClearField(name)
    message.MergeFrom(Values(**fields))
    return message


def expect_violation(call, path):
    violations = violations_of(failure_of(call))
    [(field, description)] = violations or [("", "")]
    return check((field, description.startswith(f"{path} must ")), (path, True))


def object_id_of_11_bytes():
    failure = failure_of(lambda: service.Echo(spoilt(dict(object_id=SHORT)), timeout=10))
    wanted = (grpc.StatusCode.INVALID_ARGUMENT, "object_id must be 12 bytes, an ObjectId; it has 11")
    return check((failure.code(), failure.details()), wanted)


def misfits():
    problems = (
        expect_violation(lambda message=spoilt(fields): service.Echo(message, timeout=10), path)
        for path, fields in MISFITS
    )
    return next((problem for problem in problems if problem is not None), None)


def misfit_in_list():
    request = services_pb2.EchoEachRequest(values=[least(), spoilt(dict(object_id=SHORT))])
    return expect_violation(lambda: list(service.EchoEach(request, timeout=10)), "values[1].object_id")


def misfit_in_stream():
    requests = [least(), least(), spoilt(dict(object_id=SHORT)), least()]
    answers = []

    def read():
        for answer in service.EchoBoth(iter(requests), timeout=10):
            answers.append(answer)

    return expect_violation(read, "object_id") or differences(answers, requests[:2])


attempt(f"every field, {COUNT} times", every_field)
attempt("no more fields than needed", least_fields)
attempt("what a handler sees", seen_by_handler)
attempt("what a handler makes", made_by_handler)
attempt("server stream", server_stream)
attempt("client stream", client_stream)
attempt("bidi stream", bidi_stream)
attempt("no domain types", without_domain_types)
attempt("an ObjectId of 11 bytes", object_id_of_11_bytes)
attempt("other misfits", misfits)
attempt("a misfit in a list", misfit_in_list)
attempt("a misfit as the third of a stream", misfit_in_stream)
