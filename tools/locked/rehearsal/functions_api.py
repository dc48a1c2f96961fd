"""Both versions of the Cloud Functions API, and what of Cloud Run's says who may call a function of the second."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.locked.rehearsal.exchanges import Answer, Call, Failure
from tools.locked.rehearsal.functions import LiveFunction, Resource, completed, patched, violations
from tools.locked.rehearsal.state import State, now, route

FUNCTION = r"(?P<path>projects/[^/:]+/locations/[^/:]+/functions/[^/:]+)"
LOCATION = r"(?P<parent>projects/[^/:]+/locations/[^/:]+)"
SERVICE = r"(?P<service>projects/[^/:]+/locations/[^/:]+/services/[^/:]+)"


class FunctionsApi(State):
    """Uploads, functions, operations and IAM policies."""

    # Uploads

    @route("POST", rf"v1/{LOCATION}/functions:generateUploadUrl", "cloudfunctions.functions.sourceCodeSet")
    def _upload_url_v1(self, call: Call, parent: str) -> Resource:
        return {"uploadUrl": f"{self.url}/upload/{self.next_name('upload')}"}

    @route("POST", rf"v2/{LOCATION}/functions:generateUploadUrl", "cloudfunctions.functions.sourceCodeSet")
    def _upload_url_v2(self, call: Call, parent: str) -> Resource:
        name = self.next_name("upload")
        return {
            "uploadUrl": f"{self.url}/upload/{name}",
            "storageSource": {"bucket": "gcf-v2-uploads", "object": name},
        }

    @route("PUT", r"upload/(?P<name>[^/]+)", None)
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

    @route("GET", rf"v1/{FUNCTION}", "cloudfunctions.functions.get")
    def _get_v1(self, call: Call, path: str) -> Resource:
        return self._existing(path, 1).resource

    @route("GET", rf"v2/{FUNCTION}", "cloudfunctions.functions.get")
    def _get_v2(self, call: Call, path: str) -> Resource:
        return self._existing(path).in_v2()

    def _listed(self, parent: str) -> Iterator[LiveFunction]:
        _, project, _, region = parent.split("/")
        for function in self.functions.values():
            if function.project == project and region in ("-", function.region):
                yield function

    @route("GET", rf"v1/{LOCATION}/functions", "cloudfunctions.functions.list")
    def _list_v1(self, call: Call, parent: str) -> Resource:
        return {"functions": [one.resource for one in self._listed(parent) if one.generation == 1]}

    @route("GET", rf"v2/{LOCATION}/functions", "cloudfunctions.functions.list")
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

    @route("POST", rf"v1/{LOCATION}/functions", "cloudfunctions.functions.create")
    def _create_v1(self, call: Call, parent: str) -> Resource:
        return self._create(1, call.body or {}, (call.body or {}).get("name", ""))

    @route("POST", rf"v2/{LOCATION}/functions", "cloudfunctions.functions.create")
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

    @route("PATCH", rf"v1/{FUNCTION}", "cloudfunctions.functions.update")
    def _patch_v1(self, call: Call, path: str) -> Resource:
        return self._patch(1, call, path)

    @route("PATCH", rf"v2/{FUNCTION}", "cloudfunctions.functions.update")
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
        tried.resource = completed(function.generation, resource, function.url, now())
        problem = self.build(tried)
        if problem is None:
            function.resource, function.upload = tried.resource, upload
            function.builds += 1
        elif not function.builds:
            state = {"status": "OFFLINE"} if function.generation == 1 else {"state": "FAILED"}
            function.resource, function.upload = {**tried.resource, **state}, upload
        return self._operation(function, "UPDATE_FUNCTION", problem)

    @route("DELETE", rf"v[12]/{FUNCTION}", "cloudfunctions.functions.delete")
    def _delete(self, call: Call, path: str) -> Resource:
        function = self._existing(path)
        del self.functions[path]
        return self._operation(function, "DELETE_FUNCTION", None)

    def _operation(self, function: LiveFunction, kind: str, problem: str | None) -> Resource:
        number = self.next_name("operation")
        if function.generation == 1:
            name = f"operations/{number}"
            metadata: Resource = {
                "@type": "type.googleapis.com/google.cloud.functions.v1.OperationMetadataV1",
                "target": function.path, "type": kind, "versionId": str(function.builds), "updateTime": now(),
            }  # fmt: skip
        else:
            name = f"projects/{function.project}/locations/{function.region}/operations/{number}"
            stages = [{"name": stage, "state": "COMPLETE"} for stage in ("BUILD", "SERVICE")]
            metadata = {
                "@type": "type.googleapis.com/google.cloud.functions.v2.OperationMetadata",
                "target": function.path, "verb": "update", "apiVersion": "v2", "operationType": kind,
                "stages": [] if kind == "DELETE_FUNCTION" else stages, "createTime": now(),
            }  # fmt: skip
        outcome: Resource = {"error": {"code": 3, "message": problem}} if problem else {"response": {}}
        self._operations[name] = {"name": name, "metadata": metadata, "done": True, **outcome}
        # The request is answered before the work is done, so a failure is seen only by who asks again.
        return {"name": name, "metadata": metadata}

    @route("GET", r"v1/(?P<name>operations/[^/]+)", "cloudfunctions.operations.get")
    @route(
        "GET",
        r"v2/(?P<name>projects/[^/]+/locations/[^/]+/operations/[^/]+)",
        "cloudfunctions.operations.get",
    )
    def _get_operation(self, call: Call, name: str) -> Resource:
        if name not in self._operations:
            raise Failure(404, f"Operation {name} was not found")
        return self._operations[name]

    # Who may call a function

    @route("GET", rf"v1/{FUNCTION}:getIamPolicy", "cloudfunctions.functions.getIamPolicy")
    def _get_policy(self, call: Call, path: str) -> Resource:
        return self._existing(path, 1).policy

    @route("POST", rf"v1/{FUNCTION}:setIamPolicy", "cloudfunctions.functions.setIamPolicy")
    def _set_policy(self, call: Call, path: str) -> Resource:
        function = self._existing(path, 1)
        function.policy = _policy_of(call)
        return function.policy

    def _of_service(self, service: str) -> LiveFunction:
        project, region, name = re.findall(r"(?:projects|locations|services)/([^/]+)", service)
        return self._existing(f"projects/{project}/locations/{region}/functions/{name}", 2)

    @route("GET", rf"v[12]/{SERVICE}:getIamPolicy", "run.services.getIamPolicy")
    def _get_service_policy(self, call: Call, service: str) -> Resource:
        return self._of_service(service).policy

    @route("POST", rf"v[12]/{SERVICE}:setIamPolicy", "run.services.setIamPolicy")
    def _set_service_policy(self, call: Call, service: str) -> Resource:
        function = self._of_service(service)
        function.policy = _policy_of(call)
        return function.policy


def _refuse(generation: int, resource: Resource) -> None:
    if found := list(violations(generation, resource)):
        raise Failure(400, "The request has errors", found)


def _policy_of(call: Call) -> Resource:
    policy = (call.body or {}).get("policy")
    if not isinstance(policy, dict):
        raise Failure(400, "policy must be set")
    return {"version": 1, "etag": "BwY=", **policy}
