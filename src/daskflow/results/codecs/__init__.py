"""The serializers that daskflow brings along, one to a file, and the choice among them."""
