"""The Flows pages: pure rows, thin panels of Bokeh's, and a table from URL to document."""
