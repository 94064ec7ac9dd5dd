"""deploy/openapi.yaml, and the same without what it leaves open, for one error mode: what a test holds the gateway to."""

import copy
import re
from pathlib import Path

import yaml

DOCUMENT = Path(__file__).resolve().parents[2] / "deploy/openapi.yaml"
AT_REST = {"503"}  # only before a gateway has a configuration
OF_TRANSPORT_MODE = {"403", "404", "416", "429", "500"}
WITH_OUTCOMES_INSIDE = {"broadcast", "batch", "call"}  # whose errors are no statuses in either mode


def load():
    return yaml.safe_load(DOCUMENT.read_text())


def operations(document):
    """{method: operation}, batch and the older form `call` among them"""
    return {item["post"]["operationId"]: item["post"] for item in document["paths"].values()}


def resolve(document, node):
    while "$ref" in node:
        found = document
        for step in node["$ref"].split("/")[1:]:
            found = found[step]
        node = found
    return node


def request_of(document, operation):
    return resolve(document, operation["requestBody"]["content"]["application/json"]["schema"])


def error_rows(document):
    """[(code, status, message)] of the table of error codes"""
    table = document["components"]["schemas"]["ErrorCode"]["description"]
    return [(int(code), int(status), message) for code, status, message in re.findall(r"^\| (\d+) \| (\d+) \| (.*?) \|", table, re.M)]


def strict(transport, most=20):
    """Answers have no member without a name, an operation no error that it does not list, and no status of the other mode.
    most: items of a list, so that a test of its bound is not ten thousand publishes."""
    document = load()
    schemas = document["components"]["schemas"]
    schemas["BroadcastRequest"]["properties"]["channels"]["maxItems"] = schemas["BatchRequest"]["properties"]["commands"]["maxItems"] = most
    for name, schema in schemas.items():
        if not re.search("(Request|Command)$", name) and ("properties" in schema or name == "DoneResult"):
            schema["additionalProperties"] = False
    statuses = {code: str(status) for code, status, _ in error_rows(document)}
    for method, operation in operations(document).items():
        codes = operation.get("x-errors", list(statuses))
        operation["responses"] = {
            status: narrowed(copy.deepcopy(resolve(document, answer)), status, method, codes, statuses, transport)
            for status, answer in operation["responses"].items() if status not in AT_REST and (transport or status not in OF_TRANSPORT_MODE)}
    return document


def narrowed(answer, status, method, codes, statuses, transport):
    if "application/json" not in answer["content"]:
        return answer
    error = {"type": "object", "properties": {"code": {"enum": [c for c in codes if statuses[c] == status or c == 107 and status == "400"]}}}
    if status == "200":
        error = {"type": "object", "properties": {"code": {"enum": codes}}}
        wanted = {"properties": {"error": error}} if not transport or method in WITH_OUTCOMES_INSIDE else {"required": ["result"]}
    else:
        wanted = error if transport else {"properties": {"error": error}, "required": ["error"]}
    body = answer["content"]["application/json"]
    body["schema"] = {"allOf": [body["schema"], wanted]}
    return answer
