"""Messages of test.types.v1.Values with every field set, by what the schema's options say of each field."""

import uuid

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from portico.types.v1 import types_pb2
from test.types.v1.values_pb2 import Values

AS = getattr(types_pb2, "as")  # a word of Python's own
FIRST_SECOND = -62_135_596_800
LAST_SECOND = 253_402_300_799

OBJECT_IDS = [bytes(12), bytes(range(12)), b"\xff" * 12]
OBJECT_ID_TEXTS = [each.hex() for each in OBJECT_IDS]
UUIDS = [bytes(16), uuid.UUID("0e55a215-4fea-4b72-8c01-387b0c8f1a9e").bytes, b"\xff" * 16]
UUID_TEXTS = [str(uuid.UUID(bytes=each)) for each in UUIDS]
LONGS = [-(2**63), 2**63 - 1, 0, 1, -1, 2**53 + 1, -(2**53) - 1]
BINARIES = [b"", b"\x00", bytes(range(256)), b"\xff" * 1_000]
DECIMALS = [
    "19.90",
    "-0",
    "-0.00",
    "0E+6111",
    "0E-6176",
    "NaN",
    "Infinity",
    "-Infinity",
    "1.234567890123456789012345678901234",
    "-9.999999999999999999999999999999999E+6144",
    "1E-6176",
]
MOMENTS = [
    Timestamp(seconds=FIRST_SECOND),
    Timestamp(seconds=LAST_SECOND, nanos=999_000_000),
    Timestamp(),
    Timestamp(seconds=-1, nanos=999_000_000),
    Timestamp(seconds=1_795_262_400, nanos=500_000_000),
]
# For fields that drop nanoseconds: what is sent, and what comes back of it.
FINE_MOMENTS = [
    Timestamp(seconds=LAST_SECOND, nanos=999_999_999),
    Timestamp(seconds=-1, nanos=999_999_999),
    Timestamp(seconds=FIRST_SECOND, nanos=1),
]
DROPPED_MOMENTS = [
    Timestamp(seconds=LAST_SECOND, nanos=999_000_000),
    Timestamp(seconds=-1, nanos=999_000_000),
    Timestamp(seconds=FIRST_SECOND),
]

SAMPLES = {
    ("OBJECT_ID", FieldDescriptor.TYPE_BYTES): OBJECT_IDS,
    ("OBJECT_ID", FieldDescriptor.TYPE_STRING): OBJECT_ID_TEXTS,
    ("DATE", FieldDescriptor.TYPE_MESSAGE): MOMENTS,
    ("DECIMAL128", FieldDescriptor.TYPE_STRING): DECIMALS,
    ("UUID", FieldDescriptor.TYPE_BYTES): UUIDS,
    ("UUID", FieldDescriptor.TYPE_STRING): UUID_TEXTS,
    ("LONG", FieldDescriptor.TYPE_INT64): LONGS,
    ("LONG", FieldDescriptor.TYPE_SINT64): LONGS,
    ("LONG", FieldDescriptor.TYPE_SFIXED64): LONGS,
    ("BINARY", FieldDescriptor.TYPE_BYTES): BINARIES,
}

KEYS = {
    FieldDescriptor.TYPE_BOOL: [False, True],
    FieldDescriptor.TYPE_STRING: ["", "a", "7", "constructor", "__proto__", "ключ"],
    FieldDescriptor.TYPE_INT32: [-(2**31), 0, 2**31 - 1],
    FieldDescriptor.TYPE_SFIXED32: [-(2**31), 0, 2**31 - 1],
    FieldDescriptor.TYPE_UINT32: [0, 2**32 - 1],
    FieldDescriptor.TYPE_INT64: [-(2**63), 0, 2**63 - 1],
    FieldDescriptor.TYPE_SINT64: [-(2**63), 0, 2**63 - 1],
    FieldDescriptor.TYPE_UINT64: [0, 2**64 - 1],
    FieldDescriptor.TYPE_FIXED64: [0, 2**64 - 1],
}

FIELDS = Values.DESCRIPTOR.fields
CHOICES = Values.DESCRIPTOR.oneofs_by_name["choice"].fields


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def samples_of(field, is_answered):
    options = field.GetOptions().Extensions
    value = field.message_type.fields_by_name["value"] if is_map(field) else field
    domain_type = types_pb2.DomainType.Name(options[AS])
    if domain_type == "DATE" and options[types_pb2.nanoseconds] == types_pb2.DROP:
        return MOMENTS + (DROPPED_MOMENTS if is_answered else FINE_MOMENTS)
    return SAMPLES[domain_type, value.type]


def put(message, field, values, at):
    """Puts all values into a list or a map, else the one at `at`."""
    target = getattr(message, field.name)
    value = values[at % len(values)]
    if is_map(field):
        keys = KEYS[field.message_type.fields_by_name["key"].type]
        for index, key in enumerate(keys):
            each = values[(at + index) % len(values)]
            if isinstance(each, Timestamp):
                target[key].CopyFrom(each)
            else:
                target[key] = each
    elif field.label == FieldDescriptor.LABEL_REPEATED:
        target.extend(values)
    elif isinstance(value, Timestamp):
        target.CopyFrom(value)
    else:
        setattr(message, field.name, value)


def least():
    """What has no default, and nothing else."""
    return Values(
        object_id=OBJECT_IDS[1],
        object_id_text=OBJECT_ID_TEXTS[1],
        decimal="0",
        uuid=UUIDS[1],
        uuid_text=UUID_TEXTS[1],
    )


def full(at, is_answered=False, choices=CHOICES):
    """
    A message with every field: `at` says which of the samples the single ones have, and which of the oneof's fields is chosen.
    `is_answered` has it as it comes back.
    """
    message = Values()
    for field in FIELDS:
        if field not in CHOICES:
            put(message, field, samples_of(field, is_answered), at)
    if choices:
        choice = choices[at % len(choices)]
        if choice.name == "chosen_text":
            message.chosen_text = "ordinary"
        elif choice.name == "chosen_values":
            message.chosen_values.CopyFrom(full(at, is_answered, choices=[]))
        else:
            put(message, choice, samples_of(choice, is_answered), at)
    return message


# As many as bring every sample into every place.
COUNT = len(CHOICES) * len(DECIMALS)
EVERY = [(full(at), full(at, is_answered=True)) for at in range(COUNT)]
