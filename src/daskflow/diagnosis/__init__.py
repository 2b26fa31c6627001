"""Whether flows can run here, and on a cluster: what was looked at, what it is like, the cure.

`examining` is the list of it all. `packages` and `configured` look at what is installed and set,
`machine` at this machine, `there` at a cluster; of that `cluster` judges what was seen.
"""
