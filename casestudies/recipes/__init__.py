"""Estimators made to be copied, a file a family; `_files` hold what several families share.

``casestudies copy NAME`` writes one family or one function, with the parts that it needs, as a
single file that imports public libraries only.
"""
