"""A board for the class: challenges with a ranking, the teacher's view of a room that agreed to it, and polls.

`jetlab board serve` starts it, in a room of its own or as a service of a JupyterHub; `check.join`, `check.submit` and
`check.vote` talk to it from the lessons (`jetlab.check.room`).
"""
