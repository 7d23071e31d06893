# SPDX-License-Identifier: Apache-2.0
"""Comparing an original file with a re-made one: comparators measure, `replay.compare.policy` judges.

`replay.compare.files.compare_files` is the way in.
"""
