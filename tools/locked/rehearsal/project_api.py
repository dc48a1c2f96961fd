"""What gcloud asks of a project before it deploys: tokens, services, permissions, regions and runtimes."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs

from tools.locked.rehearsal.exchanges import Answer, Call, Failure, form
from tools.locked.rehearsal.functions import NUMBER, OFFERED, Resource
from tools.locked.rehearsal.identity import LIFETIME, Refused
from tools.locked.rehearsal.state import State, now, route

PROJECT = r"v1/projects/(?P<project>[^/:]+)"
ACCOUNT = r"v1/projects/[^/]+/serviceAccounts/(?P<account>[^/:]+)"
LOCATION = r"(?P<parent>projects/[^/:]+/locations/[^/:]+)"


class ProjectApi(State):
    """oauth2, sts, iamcredentials, serviceusage, cloudresourcemanager, cloudbuild, and the lists of cloudfunctions."""

    @route("POST", r"token", None)
    def _token(self, call: Call) -> Resource | Answer:
        posted = form(call)
        try:
            account = self.identity.exchanged(posted.get("assertion", ""), f"{self.url}/token")
        except Refused as refused:
            document = {"error": "invalid_grant", "error_description": str(refused)}
            return Answer(400, json.dumps(document).encode())
        return {"access_token": self.access_token(account), "token_type": "Bearer", "expires_in": LIFETIME}

    @route("POST", r"v1/token", None)
    def _federated_token(self, call: Call) -> Resource:
        posted = form(call) if isinstance(call.body, bytes) else call.body
        if not (posted.get("subject_token") or posted.get("subjectToken")):
            raise Failure(400, "Invalid value for subject_token")
        account = f"principal:{posted.get('audience', '')}"
        kind = "urn:ietf:params:oauth:token-type:access_token"
        return {
            "access_token": self.access_token(account), "issued_token_type": kind, "token_type": "Bearer",
            "expires_in": LIFETIME,
        }  # fmt: skip

    @route("POST", rf"{ACCOUNT}:generateAccessToken", "iam.serviceAccounts.getAccessToken")
    def _generate_access_token(self, call: Call, account: str) -> Resource:
        return {"accessToken": self.access_token(account), "expireTime": now(LIFETIME)}

    @route("POST", rf"{ACCOUNT}:generateIdToken", "iam.serviceAccounts.getOpenIdToken")
    def _generate_id_token(self, call: Call, account: str) -> Resource:
        audience = (call.body or {}).get("audience")
        if not audience:
            raise Failure(400, "Request contains an invalid argument.", [("audience", "must be set")])
        return {"token": self.identity.id_token(account, audience)}

    # The project

    @route("GET", rf"{PROJECT}/services/(?P<service>[^/:]+)", "serviceusage.services.get")
    def _service(self, call: Call, project: str, service: str) -> Resource:
        return {"name": f"projects/{NUMBER}/services/{service}", "state": "ENABLED"}

    @route("GET", rf"{PROJECT}/services:batchGet", "serviceusage.services.get")
    def _services(self, call: Call, project: str) -> Resource:
        names = parse_qs(call.query[""]).get("names", [])
        return {"services": [{"name": name, "state": "ENABLED"} for name in names]}

    @route("GET", rf"{PROJECT}", "resourcemanager.projects.get")
    def _project(self, call: Call, project: str) -> Resource:
        return {"projectId": project, "projectNumber": NUMBER, "lifecycleState": "ACTIVE", "name": project}

    @route("POST", rf"{PROJECT}:getIamPolicy", "resourcemanager.projects.getIamPolicy")
    def _project_policy(self, call: Call, project: str) -> Resource:
        builder = f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com"
        return {
            "version": 1, "etag": "BwX=",
            "bindings": [{"role": "roles/cloudbuild.builds.builder", "members": [builder]}],
        }  # fmt: skip

    @route("POST", rf"{PROJECT}:testIamPermissions", "")
    def _permissions(self, call: Call, project: str) -> Resource:
        asked = (call.body or {}).get("permissions", [])
        return {"permissions": [permission for permission in asked if permission not in self.forbidden]}

    @route("GET", rf"{PROJECT}/locations/(?P<region>[^/]+)/defaultServiceAccount", "")
    def _build_account(self, call: Call, project: str, region: str) -> Resource:
        account = f"{NUMBER}-compute@developer.gserviceaccount.com"
        return {
            "name": f"projects/{NUMBER}/locations/{region}/defaultServiceAccount",
            "serviceAccountEmail": f"projects/{project}/serviceAccounts/{account}",
        }

    @route("GET", rf"{PROJECT}/locations", "cloudfunctions.locations.list")
    def _locations(self, call: Call, project: str) -> Resource:
        regions = sorted({function.region for function in self.functions.values()} | {"us-central1"})
        return {
            "locations": [
                {"name": f"projects/{project}/locations/{region}", "locationId": region} for region in regions
            ]
        }

    @route("GET", rf"v2/{LOCATION}/runtimes", "cloudfunctions.runtimes.list")
    def _runtimes(self, call: Call, parent: str) -> Resource:
        wanted = dict(re.findall(r'(name|environment)="?([\w]+)"?', call.query.get("filter", "")))
        found = [
            {"name": name, "displayName": name, "stage": "GA", "environment": f"GEN_{generation}"}
            for generation, names in OFFERED.items()
            for name in names
        ]
        return {"runtimes": [one for one in found if all(one[key] == value for key, value in wanted.items())]}
