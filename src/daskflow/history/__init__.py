"""A run that is kept, read without its flow's code and without unpickling anything.

`reading` brings it back, `explaining` tells why a task run is as it is, `auditing` whether its
history can be true, `forgetting` what may go.
"""
