
# What EUPS had made of the environment for ${count} products. They are not in here, since no digest covers what is in them:
# mount them where they stood, read-only.
# ${folders}
ENV ${assignments}
