# SPDX-License-Identifier: Apache-2.0
"""The command lines of `replay` and `rerun-dataset`: one file a command."""
