"""How the code is laid out: its modules and their imports, drawn, counted, and kept in plain words."""
