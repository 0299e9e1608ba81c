"""What files say about containers: manifests, Compose files, Dockerfiles, scripts, CI files and units, each value with its place.

Text in, values out. Nothing in a file is trusted: sizes and depths are bounded, and what cannot be read is a `Problem` with its place.
"""
