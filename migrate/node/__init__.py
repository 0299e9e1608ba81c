"""What runs on the node itself: POSIX sh, shipped as package data."""
