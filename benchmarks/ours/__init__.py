"""This repository: a connector under the functions-framework, synced by the emulator."""
