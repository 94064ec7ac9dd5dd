"""deploy/openapi.yaml says what gateway/api*.c does: a method, a field, a bound or an error code that one of them lacks is named."""

import re
from pathlib import Path

import pytest

import openapi

REPO = Path(__file__).resolve().parents[2]
DOCUMENT = openapi.load()
OPERATIONS = openapi.operations(DOCUMENT)
NO_METHODS = {"batch", "call"}  # they run methods of the table


def source(name):
    return (REPO / name).read_text()


def constant(name):
    """Value of a #define, such as (1 << 20) or another's name plus one; of an option of the gateway its default."""
    if name.startswith("--"):
        return int(re.search(rf'^OPT\("{name[2:]}", INT, \w+, "(\d+)"', source("gateway/options.def"), re.M)[1])
    text = "\n".join(source(path) for path in ("gateway/api.h", "gateway/call.h", "gateway/config.h", "common/wire/channel.h"))
    value = re.search(rf"#define {name} +\(?([^)/\\]*)", text)[1].strip()
    known = re.sub(r"[A-Z][A-Z_]+", lambda other: str(constant(other[0])), value)
    return eval(known, {})


def methods():
    """{method of the API's table: None, or the error that it always answers}"""
    rows = re.findall(r'^    \{"(\w+)", (\w+), \w+, (\d+)\},$', source("gateway/api_call.c"), re.M)
    return {name: int(refused) if start == "NULL" else None for name, start, refused in rows}


def test_every_method_of_the_api_is_described_and_no_other():
    assert set(methods()) == set(OPERATIONS) - NO_METHODS
    for path, item in DOCUMENT["paths"].items():
        assert list(item) == ["post"] and path in ("/api", f"/api/{item['post']['operationId']}")


@pytest.mark.parametrize("method", methods())
def test_a_method_is_a_member_of_a_batch_and_of_its_replies(method):
    schemas = DOCUMENT["components"]["schemas"]
    assert method in schemas["Command"]["properties"]
    replies = schemas["BatchReply"]["properties"]["replies"]["items"]["properties"]
    assert (method in replies) == (methods()[method] is None)


def test_a_method_that_is_declined_says_with_which_error():
    for method, refused in methods().items():
        assert ("declined" in OPERATIONS[method]["tags"]) == (refused is not None), method
        assert refused is None or OPERATIONS[method]["x-errors"] == [refused]


def test_every_field_that_the_api_reads_is_described_and_no_other():
    block = re.search(r"#define API_FIELDS\(F\)(.*?)enum api_field", source("gateway/api_call.h"), re.S)[1]
    read = set(re.findall(r"F\((\w+)\)", block))
    of_batch = {"commands", "parallel", "method", "params"}
    described = set().union(*(openapi.request_of(DOCUMENT, o).get("properties", {}) for o in OPERATIONS.values()))
    assert described - of_batch == read


def test_every_error_code_is_described_with_its_status():
    rows = re.findall(r'^ERROR\((\d+), "(.*?)", \w+, (\d+)\)', source("gateway/errors.def"), re.M)
    assert openapi.error_rows(DOCUMENT) == [(int(code), int(status), message) for code, message, status in rows]


@pytest.mark.parametrize("method", sorted(set(OPERATIONS) - NO_METHODS))
def test_the_errors_of_a_method_have_a_status_in_its_answers(method):
    statuses = {code: str(status) for code, status, _ in openapi.error_rows(DOCUMENT)}
    wanted = {statuses[code] for code in OPERATIONS[method]["x-errors"]} if method != "broadcast" else set()
    assert wanted | {"200", "400", "401", "411", "413", "503"} == set(OPERATIONS[method]["responses"])


SCHEMAS = DOCUMENT["components"]["schemas"]
BOUNDS = {
    "channel": (SCHEMAS["Channel"]["maxLength"], "CONFIG_FULL_MAX"),
    "pattern": (SCHEMAS["ChannelsRequest"]["properties"]["pattern"]["maxLength"], "CONFIG_FULL_MAX"),
    "idempotency_key": (SCHEMAS["IdempotencyKey"]["maxLength"], "API_KEY_MAX"),
    "after": (SCHEMAS["After"]["maxItems"], "AFTER_MAX"),
    "channels": (SCHEMAS["BroadcastRequest"]["properties"]["channels"]["maxItems"], "--api-channels-max"),
    "commands": (SCHEMAS["BatchRequest"]["properties"]["commands"]["maxItems"], "--api-commands-max"),
    "whitelist": (SCHEMAS["DisconnectRequest"]["properties"]["whitelist"]["maxItems"], "--api-whitelist-max"),
    "connections": (SCHEMAS["ConnectionsRequest"]["properties"]["limit"]["maximum"], "--api-page-max"),
    "publications": (SCHEMAS["HistoryResult"]["properties"]["publications"]["maxItems"], "--history-messages"),
    "b64data": (SCHEMAS["Base64Data"]["maxLength"] // 4 * 3 - 2, "DATA_MAX"),
    "tags": (int(re.search(r"\d{4,}", SCHEMAS["Tags"]["description"])[0]), "API_TAGS_MAX"),
    "data": (int(re.search(r"\d{4,}", SCHEMAS["Data"]["description"])[0]), "DATA_MAX"),
    "a name": (int(re.search(r"\d{3,}", SCHEMAS["Channel"]["description"])[0]), "CHANNEL_MAX"),
    "parallel": (int(re.search(r"up to (\d+) at once", OPERATIONS["batch"]["description"])[1]), "API_WINDOW"),
    "body": (int(re.search(r"at most (\d+) MiB", DOCUMENT["info"]["description"])[1]) << 20, "API_BODY_MAX"),
}


@pytest.mark.parametrize("what", BOUNDS)
def test_a_bound_is_the_one_that_is_in_force(what):
    said, name = BOUNDS[what]
    assert said == constant(name), name
