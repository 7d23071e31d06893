# SPDX-License-Identifier: Apache-2.0
"""Packages of the operating system: which of them a job used, and how an image gets Debian's."""
