# SPDX-License-Identifier: Apache-2.0
"""Why two attempts differ: suspects by what is on record, and the cause by trying."""
