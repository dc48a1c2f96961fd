"""One upload to Google, and a look at what is live afterwards: the steps that deploy and rollback share."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass

from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import Environment
from tools.locked.deploying import gcloud
from tools.locked.deploying.gcloud import Upload
from tools.locked.deploying.google_api import GoogleApi
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.rebuilding import Rebuilt
from tools.locked.deploying.release import Release
from tools.locked.deploying.smoke_test import Expected, Outcome, Result, expected_of, smoke_test
from tools.repository.errors import RepositoryError


@dataclass(frozen=True)
class Delivery:
    """Google as the signed-in account sees it, and the function that a deployment is about."""

    one: Deployment
    target: Environment
    api: GoogleApi

    @classmethod
    def of(cls, one: Deployment, target: Environment) -> Delivery:
        """With the account gcloud is signed in as. RepositoryError if there is none."""
        return cls(one, target, GoogleApi(gcloud.signed_in()))

    def live(self) -> LiveFunction | None:
        """The function as it is now; None if Google says that there is none."""
        return self.api.function(self.target.project, self.one.region, self.one.function)

    def upload(self, upload: Upload, before: LiveFunction | None) -> LiveFunction:
        """Have gcloud deploy it; what is live then. RepositoryError if gcloud fails or something else is live.

        A deploy that Google refuses or can't build leaves what ran before running.
        """
        upload.write_variables()
        command = upload.command(new=before is None)
        print(shlex.join(command), flush=True)
        code = subprocess.run(command, check=False).returncode
        if code:
            raise RepositoryError(f"gcloud failed (exit {code}); what was live before goes on running")
        return self._checked(upload.release, before)

    def _checked(self, release: Release, before: LiveFunction | None) -> LiveFunction:
        live = self.live()
        if live is None or live.release is None or live.release.bundle != release.bundle:
            found = live.release if live else "nothing"
            raise RepositoryError(
                f"gcloud reported success, and {found} is live instead of {release}: look at it"
            )
        if before and before.url != live.url:
            print(f"WARNING: the trigger address was {before.url} and is {live.url}: change it in Fivetran")
        return live

    def smoke_test(self, live: LiveFunction, expected: Expected) -> Outcome:
        """Ask what is live and say what came of it."""
        outcome = smoke_test(self.api, live, expected)
        print(f"smoke test: {outcome.result.value}: {outcome.why}", flush=True)
        if outcome.result is Result.CANNOT_ASK:
            print(f"    let it ask, once: {self._grant(live)}")
        return outcome

    def put_back(self, rebuilt: Rebuilt, live: LiveFunction, *, withdrawn: str) -> Outcome:
        """Deploy an older commit's bundle over what is live, and ask it too. RepositoryError if that fails."""
        labels = rebuilt.release.labels(withdrawn=withdrawn)
        upload = Upload(rebuilt.one, self.target, rebuilt.release, rebuilt.source, labels)
        now = self.upload(upload, live)
        return self.smoke_test(now, expected_of(rebuilt.repository, rebuilt.project, rebuilt.release))

    def _grant(self, live: LiveFunction) -> str:
        return (
            f"gcloud functions add-invoker-policy-binding {live.name} --project={self.target.project} "
            f"--region={live.region} --member=serviceAccount:{self.api.who.account}"
        )
