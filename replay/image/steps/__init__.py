# SPDX-License-Identifier: Apache-2.0
"""The steps of a generated Dockerfile: one file each, with a template of the same name in `containers/job/`."""
