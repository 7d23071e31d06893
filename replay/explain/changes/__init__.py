# SPDX-License-Identifier: Apache-2.0
"""What can be changed of one job to make it like another: one file for each kind of change."""
