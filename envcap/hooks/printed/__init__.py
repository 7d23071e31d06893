# SPDX-License-Identifier: Apache-2.0
"""What `envcap hook` prints: for each system, what its users paste to have their jobs captured."""
