
# Environment variables: those that were captured, and where things stand in here.
ENV ${assignments}
