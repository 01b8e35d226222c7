"""Worlds with known truth, published data in kilobytes, and estimators made to be copied."""
