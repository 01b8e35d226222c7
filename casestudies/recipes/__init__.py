"""Estimators made to be copied: one self-contained file per family of methods.

Each file imports public libraries only, so that ``casestudies copy NAME`` (or a
plain copy of the file) is all a project needs.
"""
