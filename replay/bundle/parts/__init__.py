# SPDX-License-Identifier: Apache-2.0
"""The parts of a bundle: one file for each kind of thing that goes in and comes out again."""
