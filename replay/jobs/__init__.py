# SPDX-License-Identifier: Apache-2.0
"""Jobs to replay: captured quanta and commands, and quanta put together from what Rubin records."""
