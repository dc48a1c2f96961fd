"""A deploy rehearsed on this machine: the real gcloud against a fake of Google's API, the upload built, served and synced."""
