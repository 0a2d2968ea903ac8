"""Bulk loader for contact centre campaigns over the OBI v1 interface."""
