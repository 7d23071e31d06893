# SPDX-License-Identifier: Apache-2.0
"""DriftBench: causes are injected among irrelevant changes, to see whether they are on record, suspected and proved."""
