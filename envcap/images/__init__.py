# SPDX-License-Identifier: Apache-2.0
"""Container images from outside: what an engine knows of them, and which Dockerfiles they come from."""
