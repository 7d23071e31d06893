# SPDX-License-Identifier: Apache-2.0
"""Images: from a manifest to a recipe, to a Dockerfile, to a sealed image in an engine."""
