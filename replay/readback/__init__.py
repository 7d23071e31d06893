# SPDX-License-Identifier: Apache-2.0
"""What numerics a replayed process really used, asked of the process itself when its work is done."""
