# SPDX-License-Identifier: Apache-2.0
"""Comparing an original file with a re-made one: comparators measure, `replay.comparators.policy` judges.

`replay.comparators.files.compare_files` is the way in.
"""
