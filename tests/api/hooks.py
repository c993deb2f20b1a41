"""What schemathesis cannot know: how lines are sent, how a number is spelt, and that one person stands behind every request."""

import itertools

import schemathesis

ADDRESSES = itertools.count(1)


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    return value.encode() if isinstance(value, str) else str(value).encode()


@schemathesis.hook
def map_body(_, body):
    """To a schema 1.0 is a whole number; to this server only 1 is."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [map_body(_, item) for item in body]
    if isinstance(body, dict):
        return {name: map_body(_, value) for name, value in body.items()}
    return body


@schemathesis.hook
def before_call(_, case, kwargs):
    headers = dict(case.headers or {})
    # An address of its own each time, so that no delay for wrong passwords is met: tests/it/session.rs proves those.
    n = next(ADDRESSES)
    headers["X-Forwarded-For"] = f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
    # A method that is none here is to reach the router, not the lock before it, which refuses every unmarked one.
    if case.method.upper() != case.operation.method.upper():
        headers["X-Duxing"] = "1"
    case.headers = headers
