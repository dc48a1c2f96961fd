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
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from tools.locked.rehearsal.exchanges import Answer, Call, Failure, Serve, bearer, forward_to
from tools.locked.rehearsal.functions import (
    OFFERED,
    LiveFunction,
    Resource,
    completed,
)
from tools.locked.rehearsal.functions_api import FunctionsApi
from tools.locked.rehearsal.identity import Refused
from tools.locked.rehearsal.listening import listening
from tools.locked.rehearsal.project_api import ProjectApi
from tools.locked.rehearsal.state import ROUTES, now

__all__ = ["Answer", "Call", "FakeGoogle", "LiveFunction", "Serve", "forward_to"]

APIS = (
    "CLOUDFUNCTIONS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE", "CLOUDBUILD", "RUN", "IAM", "IAMCREDENTIALS",
    "ARTIFACTREGISTRY", "STORAGE", "STS",
)  # fmt: skip


class FakeGoogle(ProjectApi, FunctionsApi):
    """The fake; a context manager. See the module for what a test does with it."""

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fake-google-")))
        self.port = self._stack.enter_context(listening(self._handled, self.calls))
        self.url = f"http://127.0.0.1:{self.port}"
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
        function.resource = completed(generation, {"name": path, **least, **fields}, function.url, now())
        function.upload, function.builds = upload, 1
        self.functions[path] = function
        return function

    def fail(
        self, method: str, path: str, status: int, message: str = "made to fail", *, times: int = 1
    ) -> None:
        """Answer the next `times` requests of that method whose path matches the pattern with an error."""
        self._failures += [(method, re.compile(path), Failure(status, message))] * times

    def _handled(self, call: Call) -> Answer:
        return self.handle(call)  # looked up at each call: a test may put another in its place

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
            return self.identity.account_of(bearer(call))
        except Refused as refused:
            raise Failure(
                401,
                f"Request had invalid authentication credentials. Expected OAuth 2 access token: {refused}",
            ) from refused

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
            account = self.identity.caller_of(bearer(call), function.url)
        except Refused as refused:
            invalid = {
                **html,
                "WWW-Authenticate": f'Bearer error="invalid_token" error_description="{refused}"',
            }
            return Answer(401, b"<html><title>401 Unauthorized</title></html>", invalid)
        if function.may_call(f"serviceAccount:{account}"):
            return None
        return Answer(403, b"<html><title>403 Forbidden</title>no Invoker role</html>", html)
