"""What the programs beside it print: a line of JSON for each thing that they tried."""

import json

import grpc


def attempt(name, work):
    """Has something done that gives what is wrong, or None."""
    try:
        outcome = "ok" if (problem := work()) is None else str(problem)
    except Exception as error:
        outcome = repr(error)
    print(json.dumps({"name": name, "outcome": outcome}), flush=True)


def check(got, wanted):
    return None if got == wanted else f"{got!r:.200} instead of {wanted!r:.200}"


def failure_of(call):
    """The error that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it did not fail")
