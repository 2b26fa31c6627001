"""What `@task` and `@flow` make of Python functions: graphs of calls, recorded while they run once.

`tasks` and `flows` are what users hold. `tracing` records calls, `placeholders` stand for what they
return, `nodes` are what is recorded; `by_hand`, `editing` and `grafting` change that; `definitions`
are the snapshots that runs take.
"""
