# SPDX-License-Identifier: Apache-2.0
"""What was captured, in formats that others read."""
