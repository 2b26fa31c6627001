"""Drawings of flows: a picture is made of a definition, and written in one of several formats.

Pure, and loaded only where somebody wants to see something. `picture` has what is shown, `layout`
where it stands; `text`, `mermaid`, `dot` and `svg` are formats.
"""
