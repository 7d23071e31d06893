# SPDX-License-Identifier: Apache-2.0
"""Pins: the variables that make numerical libraries compute as they did where the job ran."""
