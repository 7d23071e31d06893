# SPDX-License-Identifier: Apache-2.0
"""What a campaign came to, for people (HTML), programs (JSON) and continuous integration (JUnit XML)."""
