"""Pilot: computes what each proxy needs and streams it over xDS."""
