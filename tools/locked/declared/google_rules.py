"""What Google Cloud takes as a name, a region, an account or a variable; and CircleCI as a context.

Each rule is that of whoever will read the value, so that a mistake is found here and not by a deploy. Patterns match a
whole value, and mean the same in Python and in a JSON schema's JavaScript.
"""

from __future__ import annotations

PROJECT = "[a-z][a-z0-9-]{4,28}[a-z0-9]"
"""A project's id, neither its name nor its number: https://cloud.google.com/resource-manager/reference/rest/v3/projects."""

FUNCTION_NAME = {1: "[A-Za-z]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", 2: "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"}
"""By generation: what gcloud's `functions deploy` takes; the second is a Cloud Run service as well, whose names are lower case."""

SERVICE_ACCOUNT = (
    "[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9-]{4,28}[a-z0-9]\\.iam\\.gserviceaccount\\.com"
    "|[0-9]+-compute@developer\\.gserviceaccount\\.com"
    "|[a-z][a-z0-9-]{4,28}[a-z0-9]@appspot\\.gserviceaccount\\.com"
)
"""One made for the purpose, or a project's default ones: https://cloud.google.com/iam/docs/service-account-types."""

REGIONS = {
    1: (
        "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3", "asia-south1",
        "asia-southeast1", "asia-southeast2", "australia-southeast1", "europe-central2", "europe-west1",
        "europe-west2", "europe-west3", "europe-west6", "northamerica-northeast1", "southamerica-east1",
        "us-central1", "us-east1", "us-east4", "us-west1", "us-west2", "us-west3", "us-west4",
    ),
    2: (
        "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
        "asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "australia-southeast1",
        "australia-southeast2", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1",
        "europe-west1", "europe-west10", "europe-west12", "europe-west2", "europe-west3", "europe-west4",
        "europe-west6", "europe-west8", "europe-west9", "me-central1", "me-central2", "me-west1",
        "northamerica-northeast1", "northamerica-northeast2", "northamerica-south1", "southamerica-east1",
        "southamerica-west1", "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1",
        "us-west2", "us-west3", "us-west4",
    ),
}  # fmt: skip
"""By generation: https://cloud.google.com/functions/docs/locations. A region that Google adds is added here."""

MAX_DATASET = 1024
"""Characters of a dataset's name, by BigQuery's own limit."""

VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"

RESERVED_VARIABLES = (
    "X_GOOGLE_[A-Za-z0-9_]*",  # gcloud refuses them
    "FIVETRAN_[A-Za-z0-9_]*", "MALLOC_ARENA_MAX",  # set here: limits, bundle and commit
    # https://cloud.google.com/functions/docs/configuring/env-var, of newer and of older runtimes
    "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "PORT",
    "ENTRY_POINT", "GCP_PROJECT", "GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT", "FUNCTION_TRIGGER_TYPE", "FUNCTION_NAME",
    "FUNCTION_MEMORY_MB", "FUNCTION_TIMEOUT_SEC", "FUNCTION_IDENTITY", "FUNCTION_REGION",
    "GOOGLE_ENTRYPOINT", "GOOGLE_FUNCTION_TARGET", "GOOGLE_RUNTIME", "GOOGLE_RUNTIME_VERSION",
    "PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE",  # how the builder's image finds Python and what is installed
)  # fmt: skip
"""Variables that are somebody else's to set, as patterns."""

MAX_VARIABLES = 32_768
"""Bytes of all variables' names and values: https://cloud.google.com/functions/quotas."""

MAX_INSTANCES = 1000
"""A sync calls one instance at a time, so 1 is enough for one connection."""

CONTEXT = "[A-Za-z0-9_]([A-Za-z0-9 ._/:@+-]*[A-Za-z0-9._-])?"
"""A CircleCI context's name. CircleCI publishes no rule; `<<` would be read as the start of a parameter."""
