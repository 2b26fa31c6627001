"""What outlives a run: results under their keys. History and claims will come beside them."""
