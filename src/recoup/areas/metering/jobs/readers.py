"""Readers: windows are read in child processes when there is much to read, and in this one when there is little."""

from __future__ import annotations
