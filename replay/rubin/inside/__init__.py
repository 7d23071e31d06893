# SPDX-License-Identifier: Apache-2.0
"""What runs in the rebuilt environment.

It imports nothing but the standard library and the middleware of the environment under test, so that nothing of the
replaying software can change what the quantum sees. Only itself, too: `replay.execute.forkserver` loads it under
another name.
"""
