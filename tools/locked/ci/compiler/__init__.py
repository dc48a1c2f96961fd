"""CircleCI's own rules: a configuration with parameters becomes the jobs that CircleCI would run."""
