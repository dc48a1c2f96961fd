{% include "plain.py" if cookiecutter.choices.plain else "tables.py" %}
