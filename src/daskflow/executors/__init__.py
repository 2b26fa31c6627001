"""Where blocks run: in this process, or on Dask. Strangers to `runtime` except by protocols."""
