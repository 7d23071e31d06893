# SPDX-License-Identifier: Apache-2.0
"""The command line of `envcap`: one file a command."""
