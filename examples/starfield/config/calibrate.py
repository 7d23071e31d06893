# SPDX-License-Identifier: Apache-2.0
"""What is different about StarCam for CalibrateTask."""

# The full well of StarCam is reached before the end of the range of its 16-bit converter.
config.saturation_level = 40500.0  # noqa: F821
