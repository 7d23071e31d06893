# SPDX-License-Identifier: Apache-2.0
"""Wheels of captured distributions: fetched or packed anew, proved file by file, kept by digest."""
