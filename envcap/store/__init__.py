# SPDX-License-Identifier: Apache-2.0
"""Where documents are kept. Jobs append to a journal of their own and rename immutable objects into place."""
