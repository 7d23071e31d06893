# SPDX-License-Identifier: Apache-2.0
"""Which file each Python distribution was installed from, proved. Nothing here runs before a payload does."""
