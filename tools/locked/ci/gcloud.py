"""Which Google Cloud CLI CircleCI's jobs use: one version, whose archive is known by its digest or not unpacked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.repository.errors import Problem, RepositoryError
from tools.repository.model import Repository, read_toml

WHERE = "pyproject.toml: [tool.fivetran-connectors.gcloud]"
DOWNLOADS = "https://dl.google.com/dl/cloudsdk/channels/rapid/downloads"
"""https://cloud.google.com/sdk/docs/downloads-versioned-archives."""


@dataclass(frozen=True)
class Gcloud:
    """A version of the Google Cloud CLI, and the sha256 of its archive for Linux; empty where nobody has pinned it."""

    version: str
    sha256: str = ""

    @property
    def archive(self) -> str:
        """Where Google keeps the archive."""
        return f"{DOWNLOADS}/google-cloud-cli-{self.version}-linux-x86_64.tar.gz"

    def script(self) -> str:
        """Shell: the installed gcloud if it is this version, else the archive if its digest is the pinned one."""
        return (
            f"if gcloud version 2>/dev/null | grep -Fxq 'Google Cloud SDK {self.version}'; then exit 0; fi\n"
            f"{self._download() if self.sha256 else self._refusal()}"
        )

    def _download(self) -> str:
        return (
            f"curl --fail --silent --show-error --location --retry 3 --output /tmp/gcloud.tar.gz {self.archive}\n"
            f"echo '{self.sha256}  /tmp/gcloud.tar.gz' | sha256sum --check --strict\n"
            "tar -xz -C ~ -f /tmp/gcloud.tar.gz\n"
            'echo \'export PATH="$HOME/google-cloud-sdk/bin:$PATH"\' >> "$BASH_ENV"\n'
        )

    def _refusal(self) -> str:
        return (
            f'echo "gcloud {self.version} is not in this image, and its archive is not pinned. Take the sha256 of" >&2\n'
            f'echo "    {self.archive}" >&2\n'
            'echo "on a machine you trust, set it in pyproject.toml as sha256 under" >&2\n'
            'echo "[tool.fivetran-connectors.gcloud], and run: nox -s ci_config" >&2\n'
            "exit 1\n"
        )


def gcloud(repository: Repository) -> Gcloud:
    """The version that pyproject.toml names. RepositoryError if it names none, or not as it must."""
    table = read_toml(repository.root / "pyproject.toml").get("tool", {}).get("fivetran-connectors", {})
    settings = table.get("gcloud", {})
    version, sha256 = settings.get("version"), settings.get("sha256", "")
    wrong = [f"what is `{key}`?" for key in settings if key not in {"version", "sha256"}]
    if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        wrong.append('`version` is the Google Cloud CLI\'s, such as "528.0.0"')
    if not isinstance(sha256, str) or not re.fullmatch(r"([0-9a-f]{64})?", sha256):
        wrong.append("`sha256` is the archive's, 64 digits of 0-9 and a-f")
    if wrong:
        raise RepositoryError([Problem(WHERE, what) for what in wrong])
    return Gcloud(str(version), sha256)
