"""A fake of Google's API on this machine, for the real gcloud: it keeps what was uploaded and serves what was deployed.

    with FakeGoogle(project="dev-project") as google:
        subprocess.run(["gcloud", "functions", "deploy", ...], env=google.environment())
        live = google.function("acme")              # a LiveFunction: generation, labels, variables, memory, policy ...
        live.members                                # the uploaded zip's files by name, live.upload its bytes
        google.calls                                # every request that came in, with the answer's status
        google.serve = lambda live, request: Answer(200, b"{}")   # who answers calls of the functions' addresses

`environment()` points gcloud at the fake for every API it asks (and as its proxy, so that nothing else is ever
reached), gives it a configuration folder of its own and logs it in with a throw-away key; with `logged_in=False` it has
to log in itself, with `key_file`. `CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS` in it is where ID tokens come from.

State lives as long as the block: functions with name, generation, labels, limits, variables, IAM policy. What Google is
known to refuse is refused in its words: no token, an unknown function, a runtime of another generation, a memory size
that doesn't exist, a missing field, an upload without main.py. A test makes the rest go wrong:

    google.forbidden.add("cloudfunctions.functions.get")       # that permission is denied: 403
    google.fail("PATCH", "functions/acme", 503, "try again")   # the next such request is answered so
    google.build = lambda live: "Build failed: no wheel"       # the operation ends so; what ran before goes on running

A function's address is `http://127.0.0.1:PORT/call/PROJECT/REGION/NAME`. A call needs an ID token for just that audience
(else 401) from someone with the Invoker role (else 403); `google.id_token(audience)` makes one, `live.grant(google.deployer)`
binds the role. What `serve` returns is the answer.

The routes follow the discovery documents of cloudfunctions v1 and v2, run v1, serviceusage v1, cloudresourcemanager v1,
cloudbuild v1, iamcredentials v1 and sts v1, as far as gcloud 528 asks them.
"""

from __future__ import annotations

import json
import re
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tools.locked.rehearsal.functions import (
    NUMBER,
    OFFERED,
    Builder,
    LiveFunction,
    Resource,
    build,
    completed,
    patched,
    violations,
)
from tools.locked.rehearsal.identity import LIFETIME, Identity, Refused

APIS = (
    "CLOUDFUNCTIONS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE", "CLOUDBUILD", "RUN", "IAM", "IAMCREDENTIALS",
    "ARTIFACTREGISTRY", "STORAGE", "STS",
)  # fmt: skip
STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ALREADY_EXISTS", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
}  # fmt: skip
FUNCTION = r"(?P<path>projects/[^/:]+/locations/[^/:]+/functions/[^/:]+)"
LOCATION = r"(?P<parent>projects/[^/:]+/locations/[^/:]+)"
PROJECT = r"v1/projects/(?P<project>[^/:]+)"
SERVICE = r"(?P<service>projects/[^/:]+/locations/[^/:]+/services/[^/:]+)"
ACCOUNT = r"v1/projects/[^/]+/serviceAccounts/(?P<account>[^/:]+)"


@dataclass(frozen=True)
class Call:
    """A request that came in: `body` is its JSON, or its bytes where it isn't JSON; `status` what it was answered.

    `headers` have lower-case names; `query` holds the last value of each name, and the whole query under "".
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = field(repr=False)
    status: int = 0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: what a function says, or what it is made to say."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


Serve = Callable[[LiveFunction, Call], Answer]
"""Answers a call of a function's address, after the token and the role were found good."""


class Failure(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Answered as Google answers an error: status, message, and the fields it is about."""

    def __init__(self, status: int, message: str, fields: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status, self.fields = status, fields or []

    def answer(self) -> Answer:
        """The JSON of https://cloud.google.com/apis/design/errors."""
        error: Resource = {
            "code": self.status,
            "message": str(self),
            "status": STATUSES.get(self.status, "UNKNOWN"),
        }
        if self.fields:
            found = [{"field": name, "description": why} for name, why in self.fields]
            error["details"] = [
                {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": found}
            ]
        return Answer(self.status, json.dumps({"error": error}).encode())


DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks an address of this machine, whatever proxy the machine has for others."""


def forward_to(url: str, *, seconds: float = 600) -> Serve:
    """Serve from a function that runs at `url`: the body goes there, its answer comes back."""

    def serve(_: LiveFunction, call: Call) -> Answer:
        body = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
        headers = {"Content-Type": call.headers.get("content-type", "application/json")}
        request = urllib.request.Request(url, body, headers, method=call.method)  # noqa: S310 - http, by us
        try:
            with DIRECTLY.open(request, timeout=seconds) as answer:
                return Answer(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), dict(error.headers))

    return serve


Route = Callable[..., Resource | Answer]
ROUTES: list[tuple[str, str, str | None, Route]] = []
"""Method, path, the permission asked for (None: no token is needed) and who answers."""


def _route(method: str, path: str, permission: str | None) -> Callable[[Route], Route]:
    def register(route: Route) -> Route:
        ROUTES.append((method, path, permission, route))
        return route

    return register


class FakeGoogle:
    """The fake; a context manager. See the module for what a test does with it."""

    def __init__(self, *, project: str = "fake-project", serve: Serve | None = None) -> None:
        self.project = project
        self.deployer = f"deployer@{project}.iam.gserviceaccount.com"
        self.calls: list[Call] = []
        self.functions: dict[str, LiveFunction] = {}
        self.uploads: dict[str, bytes] = {}
        self.forbidden: set[str] = set()
        self.build: Builder = build
        self.serve: Serve = serve or (lambda *_: Answer(503, b"nothing serves this function"))
        self.identity = Identity()
        self._failures: list[tuple[str, re.Pattern[str], Failure]] = []
        self._operations: dict[str, Resource] = {}
        self._number = 0
        self._lock = threading.RLock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fake-google-")))
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"google": self}))
        server.daemon_threads = True
        self.port: int = server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        self.key_file = self.folder / "key.json"
        self.key_file.write_text(self.identity.key_file(self.deployer, self.project, f"{self.url}/token"))
        self.key_file.chmod(0o600)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environment(self, *, logged_in: bool = True) -> dict[str, str]:
        """What gcloud needs in its environment, to be added to one with PATH and HOME.

        With `logged_in=False` there is no account: `gcloud auth activate-service-account --key-file` makes one.
        """
        found = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"{self.url}/" for name in APIS}
        found |= {
            "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
            "CLOUDSDK_CORE_PROJECT": self.project,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
            # Cloud Run is asked at REGION-HOST, which has no address; a proxy is asked for any name, and we are it.
            "CLOUDSDK_PROXY_TYPE": "http",
            "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
            "CLOUDSDK_PROXY_PORT": str(self.port),
        }
        if logged_in:
            found["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"] = str(self.key_file)
            found["CLOUDSDK_AUTH_TOKEN_HOST"] = (
                f"{self.url}/token"  # this property passes over the key's token_uri
            )
        return found

    def function(self, name: str, *, region: str = "us-central1", project: str | None = None) -> LiveFunction:
        """The live function of that name. KeyError if Google has none."""
        return self.functions[f"projects/{project or self.project}/locations/{region}/functions/{name}"]

    def deployed(
        self,
        name: str,
        *,
        generation: int = 1,
        region: str = "us-central1",
        upload: bytes = b"",
        **fields: Any,
    ) -> LiveFunction:
        """Put a function there without gcloud; `fields` are members of its API's resource, such as `labels`."""
        path = f"projects/{self.project}/locations/{region}/functions/{name}"
        runtime = OFFERED[generation][-2]
        least: Resource = (
            {"runtime": runtime, "httpsTrigger": {}}
            if generation == 1
            else {"buildConfig": {"runtime": runtime}}
        )
        function = LiveFunction(generation, self.address(path), {"name": path})
        function.resource = completed(generation, {"name": path, **least, **fields}, function.url, _now())
        function.upload, function.builds = upload, 1
        self.functions[path] = function
        return function

    def address(self, path: str) -> str:
        """Where a function is called."""
        _, project, _, region, _, name = path.split("/")
        return f"{self.url}/call/{project}/{region}/{name}"

    def access_token(self, account: str | None = None) -> str:
        """An access token of the deployer, or of another account."""
        return self.identity.access_token(account or self.deployer)

    def id_token(self, audience: str, account: str | None = None) -> str:
        """An ID token of the deployer, or of another account, for that audience."""
        return self.identity.id_token(account or self.deployer, audience)

    def fail(
        self, method: str, path: str, status: int, message: str = "made to fail", *, times: int = 1
    ) -> None:
        """Answer the next `times` requests of that method whose path matches the pattern with an error."""
        self._failures += [(method, re.compile(path), Failure(status, message))] * times

    def handle(self, call: Call) -> Answer:
        """The answer to a request; also what a test may call without HTTP."""
        try:
            self._fail_as_asked(call)
            if found := re.fullmatch(r"/call/([^/]+)/([^/]+)/([^/]+)/?", call.path):
                return self._called(call, "projects/{}/locations/{}/functions/{}".format(*found.groups()))
            with self._lock:
                return self._routed(call)
        except Failure as failure:
            return failure.answer()

    def _fail_as_asked(self, call: Call) -> None:
        with self._lock:
            for failure in self._failures:
                method, path, error = failure
                if method == call.method and path.search(call.path):
                    self._failures.remove(failure)
                    raise error

    def _routed(self, call: Call) -> Answer:
        for method, pattern, permission, route in ROUTES:
            found = re.fullmatch(pattern, unquote(call.path).lstrip("/"))
            if found is None or method != call.method:
                continue
            if permission is not None:
                self._allow(call, permission, found.string)
            result = route(self, call, **found.groupdict())
            return result if isinstance(result, Answer) else Answer(200, json.dumps(result).encode())
        raise Failure(501, f"the fake of Google doesn't know {call.method} {call.path}")

    def _allow(self, call: Call, permission: str, resource: str) -> str:
        """The account that asks. 401 without a token of ours, 403 if the permission is forbidden."""
        account = self._account(call)
        if permission in self.forbidden:
            raise Failure(403, f"Permission '{permission}' denied on '{resource}' (or it may not exist).")
        return account

    def _account(self, call: Call) -> str:
        try:
            return self.identity.account_of(_bearer(call))
        except Refused as refused:
            raise Failure(
                401,
                f"Request had invalid authentication credentials. Expected OAuth 2 access token: {refused}",
            ) from refused

    # Signing in

    @_route("POST", r"token", None)
    def _token(self, call: Call) -> Resource | Answer:
        form = _form(call)
        try:
            account = self.identity.exchanged(form.get("assertion", ""), f"{self.url}/token")
        except Refused as refused:
            document = {"error": "invalid_grant", "error_description": str(refused)}
            return Answer(400, json.dumps(document).encode())
        return {"access_token": self.access_token(account), "token_type": "Bearer", "expires_in": LIFETIME}

    @_route("POST", r"v1/token", None)
    def _federated_token(self, call: Call) -> Resource:
        form = _form(call) if isinstance(call.body, bytes) else call.body
        if not (form.get("subject_token") or form.get("subjectToken")):
            raise Failure(400, "Invalid value for subject_token")
        account = f"principal:{form.get('audience', '')}"
        kind = "urn:ietf:params:oauth:token-type:access_token"
        return {
            "access_token": self.access_token(account), "issued_token_type": kind, "token_type": "Bearer",
            "expires_in": LIFETIME,
        }  # fmt: skip

    @_route("POST", rf"{ACCOUNT}:generateAccessToken", "iam.serviceAccounts.getAccessToken")
    def _generate_access_token(self, call: Call, account: str) -> Resource:
        return {"accessToken": self.access_token(account), "expireTime": _now(LIFETIME)}

    @_route("POST", rf"{ACCOUNT}:generateIdToken", "iam.serviceAccounts.getOpenIdToken")
    def _generate_id_token(self, call: Call, account: str) -> Resource:
        audience = (call.body or {}).get("audience")
        if not audience:
            raise Failure(400, "Request contains an invalid argument.", [("audience", "must be set")])
        return {"token": self.identity.id_token(account, audience)}

    # The project

    @_route("GET", rf"{PROJECT}/services/(?P<service>[^/:]+)", "serviceusage.services.get")
    def _service(self, call: Call, project: str, service: str) -> Resource:
        return {"name": f"projects/{NUMBER}/services/{service}", "state": "ENABLED"}

    @_route("GET", rf"{PROJECT}/services:batchGet", "serviceusage.services.get")
    def _services(self, call: Call, project: str) -> Resource:
        names = parse_qs(call.query[""]).get("names", [])
        return {"services": [{"name": name, "state": "ENABLED"} for name in names]}

    @_route("GET", rf"{PROJECT}", "resourcemanager.projects.get")
    def _project(self, call: Call, project: str) -> Resource:
        return {"projectId": project, "projectNumber": NUMBER, "lifecycleState": "ACTIVE", "name": project}

    @_route("POST", rf"{PROJECT}:getIamPolicy", "resourcemanager.projects.getIamPolicy")
    def _project_policy(self, call: Call, project: str) -> Resource:
        builder = f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com"
        return {
            "version": 1, "etag": "BwX=",
            "bindings": [{"role": "roles/cloudbuild.builds.builder", "members": [builder]}],
        }  # fmt: skip

    @_route("POST", rf"{PROJECT}:testIamPermissions", "")
    def _permissions(self, call: Call, project: str) -> Resource:
        asked = (call.body or {}).get("permissions", [])
        return {"permissions": [permission for permission in asked if permission not in self.forbidden]}

    @_route("GET", rf"{PROJECT}/locations/(?P<region>[^/]+)/defaultServiceAccount", "")
    def _build_account(self, call: Call, project: str, region: str) -> Resource:
        account = f"{NUMBER}-compute@developer.gserviceaccount.com"
        return {
            "name": f"projects/{NUMBER}/locations/{region}/defaultServiceAccount",
            "serviceAccountEmail": f"projects/{project}/serviceAccounts/{account}",
        }

    @_route("GET", rf"{PROJECT}/locations", "cloudfunctions.locations.list")
    def _locations(self, call: Call, project: str) -> Resource:
        regions = sorted({function.region for function in self.functions.values()} | {"us-central1"})
        return {
            "locations": [
                {"name": f"projects/{project}/locations/{region}", "locationId": region} for region in regions
            ]
        }

    @_route("GET", rf"v2/{LOCATION}/runtimes", "cloudfunctions.runtimes.list")
    def _runtimes(self, call: Call, parent: str) -> Resource:
        wanted = dict(re.findall(r'(name|environment)="?([\w]+)"?', call.query.get("filter", "")))
        found = [
            {"name": name, "displayName": name, "stage": "GA", "environment": f"GEN_{generation}"}
            for generation, names in OFFERED.items()
            for name in names
        ]
        return {"runtimes": [one for one in found if all(one[key] == value for key, value in wanted.items())]}

    # Uploads

    @_route("POST", rf"v1/{LOCATION}/functions:generateUploadUrl", "cloudfunctions.functions.sourceCodeSet")
    def _upload_url_v1(self, call: Call, parent: str) -> Resource:
        return {"uploadUrl": f"{self.url}/upload/{self._next('upload')}"}

    @_route("POST", rf"v2/{LOCATION}/functions:generateUploadUrl", "cloudfunctions.functions.sourceCodeSet")
    def _upload_url_v2(self, call: Call, parent: str) -> Resource:
        name = self._next("upload")
        return {
            "uploadUrl": f"{self.url}/upload/{name}",
            "storageSource": {"bucket": "gcf-v2-uploads", "object": name},
        }

    @_route("PUT", r"upload/(?P<name>[^/]+)", None)
    def _upload(self, call: Call, name: str) -> Answer:
        if call.headers.get("content-type") != "application/zip":
            raise Failure(403, "SignatureDoesNotMatch: the URL was signed for application/zip")
        self.uploads[name] = call.body if isinstance(call.body, bytes) else b""
        return Answer(200)

    def _uploaded(self, generation: int, body: Resource) -> bytes | None:
        """The bytes of the source a create or patch names; None if it names none."""
        if generation == 1:
            name = str(body.get("sourceUploadUrl", "")).rpartition("/upload/")[2]
        else:
            source = body.get("buildConfig", {}).get("source", {}).get("storageSource", {})
            name = source.get("object", "")
        if not name:
            return None
        if name not in self.uploads:
            raise Failure(400, "The source upload URL was never uploaded to, or is over.")
        return self.uploads[name]

    # Functions

    def _existing(self, path: str, generation: int | None = None) -> LiveFunction:
        function = self.functions.get(path)
        if function is None or (generation is not None and function.generation != generation):
            raise Failure(404, f"Resource '{path}' was not found")
        return function

    @_route("GET", rf"v1/{FUNCTION}", "cloudfunctions.functions.get")
    def _get_v1(self, call: Call, path: str) -> Resource:
        return self._existing(path, 1).resource

    @_route("GET", rf"v2/{FUNCTION}", "cloudfunctions.functions.get")
    def _get_v2(self, call: Call, path: str) -> Resource:
        return self._existing(path).in_v2()

    def _listed(self, parent: str) -> Iterator[LiveFunction]:
        _, project, _, region = parent.split("/")
        for function in self.functions.values():
            if function.project == project and region in ("-", function.region):
                yield function

    @_route("GET", rf"v1/{LOCATION}/functions", "cloudfunctions.functions.list")
    def _list_v1(self, call: Call, parent: str) -> Resource:
        return {"functions": [one.resource for one in self._listed(parent) if one.generation == 1]}

    @_route("GET", rf"v2/{LOCATION}/functions", "cloudfunctions.functions.list")
    def _list_v2(self, call: Call, parent: str) -> Resource:
        wanted = re.search(r'environment="?GEN_(\d)', call.query.get("filter", ""))
        labels = dict(re.findall(r'labels\.([\w-]+)\s*[=:]\s*"?([\w-]+)"?', call.query.get("filter", "")))
        return {
            "functions": [
                one.in_v2()
                for one in self._listed(parent)
                if (wanted is None or one.generation == int(wanted[1]))
                and all(one.labels.get(key) == value for key, value in labels.items())
            ]
        }

    @_route("POST", rf"v1/{LOCATION}/functions", "cloudfunctions.functions.create")
    def _create_v1(self, call: Call, parent: str) -> Resource:
        return self._create(1, call.body or {}, (call.body or {}).get("name", ""))

    @_route("POST", rf"v2/{LOCATION}/functions", "cloudfunctions.functions.create")
    def _create_v2(self, call: Call, parent: str) -> Resource:
        return self._create(2, call.body or {}, f"{parent}/functions/{call.query.get('functionId', '')}")

    def _create(self, generation: int, body: Resource, path: str) -> Resource:
        if path in self.functions:
            raise Failure(409, f"Function {path.rpartition('/')[2]} already exists")
        _refuse(generation, {**body, "name": path})
        upload = self._uploaded(generation, body)
        if upload is None:
            raise Failure(400, "The request has errors", [("source", "Must provide a source")])
        function = LiveFunction(generation, self.address(path), {"name": path})
        self.functions[path] = function
        return self._built(function, {**body, "name": path}, upload)

    @_route("PATCH", rf"v1/{FUNCTION}", "cloudfunctions.functions.update")
    def _patch_v1(self, call: Call, path: str) -> Resource:
        return self._patch(1, call, path)

    @_route("PATCH", rf"v2/{FUNCTION}", "cloudfunctions.functions.update")
    def _patch_v2(self, call: Call, path: str) -> Resource:
        if self._existing(path).generation == 1:
            raise Failure(400, "Function already exists in 1st gen, can't change the environment.")
        return self._patch(2, call, path)

    def _patch(self, generation: int, call: Call, path: str) -> Resource:
        function = self._existing(path, generation)
        body = call.body or {}
        mask = call.query.get("updateMask", "")
        resource = patched(function.resource, body, mask) if mask else {**body, "name": path}
        _refuse(generation, resource)
        return self._built(function, resource, self._uploaded(generation, body) or function.upload)

    def _built(self, function: LiveFunction, resource: Resource, upload: bytes) -> Resource:
        """Build the upload: the function is what was asked for, or, if that fails, what it was before."""
        tried = LiveFunction(function.generation, function.url, resource, upload=upload)
        tried.resource = completed(function.generation, resource, function.url, _now())
        problem = self.build(tried)
        if problem is None:
            function.resource, function.upload = tried.resource, upload
            function.builds += 1
        elif not function.builds:
            state = {"status": "OFFLINE"} if function.generation == 1 else {"state": "FAILED"}
            function.resource, function.upload = {**tried.resource, **state}, upload
        return self._operation(function, "UPDATE_FUNCTION", problem)

    @_route("DELETE", rf"v[12]/{FUNCTION}", "cloudfunctions.functions.delete")
    def _delete(self, call: Call, path: str) -> Resource:
        function = self._existing(path)
        del self.functions[path]
        return self._operation(function, "DELETE_FUNCTION", None)

    def _operation(self, function: LiveFunction, kind: str, problem: str | None) -> Resource:
        number = self._next("operation")
        if function.generation == 1:
            name = f"operations/{number}"
            metadata: Resource = {
                "@type": "type.googleapis.com/google.cloud.functions.v1.OperationMetadataV1",
                "target": function.path, "type": kind, "versionId": str(function.builds), "updateTime": _now(),
            }  # fmt: skip
        else:
            name = f"projects/{function.project}/locations/{function.region}/operations/{number}"
            stages = [{"name": stage, "state": "COMPLETE"} for stage in ("BUILD", "SERVICE")]
            metadata = {
                "@type": "type.googleapis.com/google.cloud.functions.v2.OperationMetadata",
                "target": function.path, "verb": "update", "apiVersion": "v2", "operationType": kind,
                "stages": [] if kind == "DELETE_FUNCTION" else stages, "createTime": _now(),
            }  # fmt: skip
        outcome: Resource = {"error": {"code": 3, "message": problem}} if problem else {"response": {}}
        self._operations[name] = {"name": name, "metadata": metadata, "done": True, **outcome}
        # The request is answered before the work is done, so a failure is seen only by who asks again.
        return {"name": name, "metadata": metadata}

    @_route("GET", r"v1/(?P<name>operations/[^/]+)", "cloudfunctions.operations.get")
    @_route(
        "GET",
        r"v2/(?P<name>projects/[^/]+/locations/[^/]+/operations/[^/]+)",
        "cloudfunctions.operations.get",
    )
    def _get_operation(self, call: Call, name: str) -> Resource:
        if name not in self._operations:
            raise Failure(404, f"Operation {name} was not found")
        return self._operations[name]

    # Who may call a function

    @_route("GET", rf"v1/{FUNCTION}:getIamPolicy", "cloudfunctions.functions.getIamPolicy")
    def _get_policy(self, call: Call, path: str) -> Resource:
        return self._existing(path, 1).policy

    @_route("POST", rf"v1/{FUNCTION}:setIamPolicy", "cloudfunctions.functions.setIamPolicy")
    def _set_policy(self, call: Call, path: str) -> Resource:
        function = self._existing(path, 1)
        function.policy = _policy_of(call)
        return function.policy

    def _of_service(self, service: str) -> LiveFunction:
        project, region, name = re.findall(r"(?:projects|locations|services)/([^/]+)", service)
        return self._existing(f"projects/{project}/locations/{region}/functions/{name}", 2)

    @_route("GET", rf"v[12]/{SERVICE}:getIamPolicy", "run.services.getIamPolicy")
    def _get_service_policy(self, call: Call, service: str) -> Resource:
        return self._of_service(service).policy

    @_route("POST", rf"v[12]/{SERVICE}:setIamPolicy", "run.services.setIamPolicy")
    def _set_service_policy(self, call: Call, service: str) -> Resource:
        function = self._of_service(service)
        function.policy = _policy_of(call)
        return function.policy

    # Calls of the functions themselves

    def _called(self, call: Call, path: str) -> Answer:
        function = self.functions.get(path)
        if function is None:
            return Answer(404, b"<html>404 Page not found</html>", {"Content-Type": "text/html"})
        if refusal := self._refusal(function, call):
            return refusal
        return self.serve(function, call)

    def _refusal(self, function: LiveFunction, call: Call) -> Answer | None:
        if function.may_call("allUsers"):
            return None
        html = {"Content-Type": "text/html; charset=UTF-8"}
        if "authorization" not in call.headers:
            words = b"Your client does not have permission to get this URL from this server."
            return Answer(403, b"<html><title>403 Forbidden</title>" + words + b"</html>", html)
        try:
            account = self.identity.caller_of(_bearer(call), function.url)
        except Refused as refused:
            invalid = {
                **html,
                "WWW-Authenticate": f'Bearer error="invalid_token" error_description="{refused}"',
            }
            return Answer(401, b"<html><title>401 Unauthorized</title></html>", invalid)
        if function.may_call(f"serviceAccount:{account}"):
            return None
        return Answer(403, b"<html><title>403 Forbidden</title>no Invoker role</html>", html)

    def _next(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"


def _refuse(generation: int, resource: Resource) -> None:
    if found := list(violations(generation, resource)):
        raise Failure(400, "The request has errors", found)


def _policy_of(call: Call) -> Resource:
    policy = (call.body or {}).get("policy")
    if not isinstance(policy, dict):
        raise Failure(400, "policy must be set")
    return {"version": 1, "etag": "BwY=", **policy}


def _bearer(call: Call) -> str:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("no bearer token")
    return token


def _form(call: Call) -> dict[str, str]:
    text = call.body.decode() if isinstance(call.body, bytes) else ""
    return {key: values[0] for key, values in parse_qs(text).items()}


def _now(later: float = 0) -> str:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + later, UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, has it answered and writes it down."""

    google: FakeGoogle
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        parts = urlsplit(self.path)  # a proxy is asked with the whole address
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()} | {"": parts.query}
        headers = {key.lower(): value for key, value in self.headers.items()}
        content = self.rfile.read(int(headers.get("content-length", 0)))
        call = Call(self.command, parts.path, query, headers, _read(content, headers))
        answer = self.google.handle(call)
        self.google.calls.append(
            Call(call.method, call.path, call.query, call.headers, call.body, answer.status)
        )
        self._write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 - the base class's names

    def do_CONNECT(self) -> None:
        """Anything but the fake: gcloud would go to the network, and doesn't."""
        self.google.calls.append(Call("CONNECT", self.path, {}, {}, b"", 403))
        self._write(Answer(403, b"the fake of Google lets nothing through"))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        skipped = {"transfer-encoding", "content-length", "connection", "date", "server"}
        for key, value in answer.headers.items():
            if key.lower() not in skipped:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: `calls` is the log."""


def _read(content: bytes, headers: Mapping[str, str]) -> Any:
    if not headers.get("content-type", "").startswith("application/json"):
        return content
    try:
        return json.loads(content or b"null")
    except ValueError:
        return content
